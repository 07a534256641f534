"""The JSON bodies of the answers, and how they are sent."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_EXAMPLE = "3f0e7a52-6d0e-4b0e-9a43-5c3f7f8f6c11"

Id = Annotated[
    str,
    Field(
        pattern=f"^{UUID4}$",
        description="A random UUID (version 4) in lower case.",
        json_schema_extra={"example": _EXAMPLE},
    ),
]
Filename = Annotated[
    str,
    Field(pattern=rf"^{UUID4}\.jpg$", description="`ID.jpg`.", json_schema_extra={"example": f"{_EXAMPLE}.jpg"}),
]
Sentence = Annotated[str, Field(min_length=1, description="A sentence for a person.")]
Pixels = Annotated[int, Field(ge=1)]


def _address(path: str) -> Any:
    return Field(
        description=f"`BASE{path}`. `BASE` is the public base URL, or else the scheme and host that you called.",
        json_schema_extra={"format": "uri"},
    )


def _left_out(description: str) -> Any:
    """A key that is there in some answers."""

    def without_default(schema: dict[str, Any]) -> None:
        del schema["default"]

    return Field(default=None, description=description, json_schema_extra=without_default)


class Body(BaseModel):
    """A JSON object that the service answers with."""

    model_config = ConfigDict(frozen=True)


class Error(Body):
    """Why there is no success."""

    detail: Sentence


class Healthy(Body):
    """The model is loaded."""

    status: Literal["healthy"]
    model_loaded: bool


class Unhealthy(Body):
    """The model is not loaded: not yet, or it cannot be. With a `detail` alone: a proxy does not reach the service."""

    status: Literal["unhealthy"]
    model_loaded: bool
    detail: Sentence


class Alive(Body):
    """The process answers."""

    status: Literal["alive"]


class Size(Body):
    """Of a picture, in pixels."""

    width: Pixels
    height: Pixels


class LoadedModel(Body):
    """The model that is loaded, where it runs and what it takes."""

    name: str
    version: str
    kind: Annotated[str, Field(description="How it works: `lite`, `colorizenet`.")]
    device: Annotated[str, Field(description="Where it runs: `cpu` or `cuda`.")]
    precision: str
    processing_size: Annotated[Size, Field(description="At which it sees a square photo.")]
    fields: Annotated[
        dict[str, Any], Field(description="The optional fields of `POST /colorize` that it takes, with their defaults.")
    ]
    likely_colors: Annotated[bool, Field(description="Whether `POST /colors` has an answer.")]


class Uploaded(Body):
    """A picture that is stored as it is."""

    success: bool
    image_id: Id
    image_url: Annotated[str, _address("/uploads/ID.jpg")]
    filename: Filename


class Colorized(Body):
    """A photo that is stored in colour."""

    success: bool
    result_id: Id
    download_url: Annotated[str, _address("/results/ID.jpg")]
    api_download_url: Annotated[str, _address("/download/ID")]
    filename: Filename


class LikelyColor(Body):
    """A colour that a surface of a photo may have."""

    color: Annotated[str, Field(pattern="^#[0-9a-f]{6}$", description="In sRGB, good for a hint.")]
    share: Annotated[float, Field(ge=0, le=1, description="How likely it, or one that looks like it, is.")]


class Job(Body):
    """A photo that is colorized while its client does something else."""

    job_id: Annotated[Id, Field(description="Of the job, and of its result.")]
    status: Literal["queued", "working", "done", "failed"]
    result: Colorized | SkipJsonSchema[None] = _left_out("The usual answer to the request, once the job is `done`.")
    detail: Sentence | SkipJsonSchema[None] = _left_out("Why it has `failed`, for a person.")


class MissingSettings(Body):
    """The variables that the operator has to set before the page can get App Check tokens."""

    missing: list[str]


class FirebaseApp(Body):
    """What the Firebase SDK is started with, by its own names."""

    projectId: str | None
    apiKey: str | None
    appId: str | None


class Recaptcha(Body):
    """The provider of the page's App Check tokens."""

    kind: Literal["v3", "enterprise"]
    site_key: str | None


class PageAppCheck(Body):
    """How the page gets App Check tokens."""

    firebase: FirebaseApp
    recaptcha: Recaptcha
    single_use: bool


class PageSettings(Body):
    """What the page for people must know. ``app_check`` is None where nobody needs a token, ``retention_days`` where
    photos are kept for ever."""

    max_upload_bytes: int
    retention_days: float | None
    app_check: PageAppCheck | MissingSettings | None


#: What clients get; the page's settings are its own affair.
ANSWERS = (Error, Healthy, Unhealthy, Alive, LoadedModel, Uploaded, Colorized, LikelyColor, Job)


def answer(body: Body | Sequence[Body], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with this body, or an array of such, as JSON, their keys in the order of the alphabet as Flask's."""
    response = jsonify(_plain(body) if isinstance(body, Body) else [_plain(each) for each in body])
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _plain(body: Body) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True)
