"""What the OpenAPI document says of a view, written beside the view: its docstring and :func:`operation`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Response

from colorize_service.picture_kinds import LISTED, MEDIA_TYPES
from colorize_service.server.api.schemas import UUID4, Body, Error
from colorize_service.server.form import MOST_FIELDS, MOST_TEXT_BYTES
from colorize_service.server.settings import Settings

Json = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Response])
#: Describes a request's body, by the settings and the names of the options that the loaded model takes.
RequestBody = Callable[[Settings, Collection[str]], Json]

BINARY: Json = {"type": "string", "format": "binary"}


def _header(description: str, **schema: Any) -> Json:
    return {"description": description, "required": True, "schema": {"type": "string"} | schema}


HEADERS = {
    "X-Request-ID": _header(
        "The request's own `X-Request-ID` if it is well formed, else a new id.", pattern="^[A-Za-z0-9._:/+=-]{1,128}$"
    ),
    "Retry-After": _header("Seconds after which to try again.", type="integer", minimum=1),
    "ETag": _header("A strong entity tag.", pattern='^"[^"]+"$'),
    "Last-Modified": _header("When the file was stored."),
    "Accept-Ranges": _header("Parts of the file can be asked for.", const="bytes"),
    "Content-Range": _header("Which bytes of how many these are.", pattern=r"^bytes (\d+-\d+|\*)/\d+$"),
    "Content-Disposition": _header("How to show the file, and its name."),
    "Cache-Control": _header("Who may keep the answer, and for how long."),
    "Preference-Applied": _header("The preference that was followed.", const="respond-async"),
    "X-Content-Type-Options": _header("Browsers are not to guess another type.", const="nosniff"),
    "X-Robots-Tag": _header("Search engines are not to list the picture.", const="noindex"),
    "X-Delete-Token": _header(
        "Lets the client delete the picture again: to be kept as secret as the picture.", pattern="^[0-9a-f]{64}$"
    ),
    "Location": _header("Where it is.", format="uri"),
    "Cross-Origin-Resource-Policy": _header("Pages of any site may show the picture.", const="cross-origin"),
}
_ANY_SITE = "Cross-Origin-Resource-Policy"
#: Those that no answer always has.
_SOMETIMES = {"Idempotent-Replayed": _header("The answer is an earlier request's with this key.", const="true")}
_ID = "X-Request-ID"  # on what the service itself answers; not where the server or a proxy refuses a request

#: What the document has of jobs, where there are any.
OF_JOBS = {"Preference-Applied", "Prefer", "Job"}

#: Headers that a request may have.
PARAMETERS: Json = {
    name: {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
    for name, description in (
        (
            _ID,
            "Names the request in the answer and in the server's log: up to 128 of `A-Za-z0-9._:/+=-`; else replaced.",
        ),
        (
            "Prefer",
            "`respond-async`: answer at once, with `202` and the address of a job (RFC 7240). Other preferences are "
            "ignored.",
        ),
        ("If-None-Match", "Entity tags that the client has: `304` if the file's is among them."),
        ("If-Modified-Since", "A date: `304` if the file is not newer."),
        ("If-Match", "Entity tags: `412` if the file's is not among them."),
        ("Range", "Bytes to send, such as `bytes=0-999`: `206`, or `416` if the file has none of them."),
        ("X-Delete-Token", "The one that came with the picture."),
        ("If-Range", "An entity tag or date: the range counts only if the file is still that one."),
    )
}
#: Those of a request for a file.
CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "Range", "If-Range")

PARAMETERS["Idempotency-Key"] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "New for each request: if it is sent again with the same fields within 24 hours, the work is not "
    "done again, and the answer is the first one's.",
    "schema": {"type": "string", "maxLength": 255},
}


def ref(kind: str, name: str) -> Json:
    """A reference to a part in ``components``."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _response(description: str, content: Json, always: tuple[str, ...], sometimes: tuple[str, ...] = ()) -> Json:
    headers = {name: ref("headers", name) for name in always}
    headers |= {name: (HEADERS | _SOMETIMES)[name] | {"required": False} for name in sometimes}
    return {"description": description, "headers": headers} | ({"content": content} if content else {})


def _json(model: type[Body]) -> Json:
    return {"application/json": {"schema": ref("schemas", model.__name__)}}


def success(model: type[Body], *headers: str, links: Mapping[str, tuple[str, str]] | None = None) -> dict[int, Json]:
    """The answer 200 with a JSON body, described by the model's docstring.

    Args:
        headers: those that it has, beside the request's id.
        links: operations that take something out of the body: the parameter that takes it, and its key.
    """
    sometimes = ("Idempotent-Replayed",) if links else ()  # what makes something
    response = _response(model.__doc__ or "", _json(model), (_ID, *headers), sometimes)
    for name, (parameter, key) in (links or {}).items():
        link = {"operationId": name, "parameters": {parameter: f"$response.body#/{key}"}}
        response.setdefault("links", {})[name] = link
    return {200: response}


def success_with_several(model: type[Body], most: int) -> dict[int, Json]:
    """The answer 200 with a JSON array of so many bodies at most, described by the model's docstring."""
    several = {"type": "array", "items": ref("schemas", model.__name__), "maxItems": most}
    return {200: _response(model.__doc__ or "", {"application/json": {"schema": several}}, (_ID,))}


def accepted_as(model: type[Body], *headers: str, links: Mapping[str, tuple[str, str]]) -> dict[int, Json]:
    """The answer 202 with a JSON body, and with the address of what goes on. Only documented where there are jobs."""
    response = success(model, "Location", "Preference-Applied", *headers, links=links)[200]
    return {202: response | {"description": "The photo waits: the client has sent `Prefer: respond-async`."}}


def no_content(description: str) -> dict[int, Json]:
    """The answer 204."""
    return {204: _response(description, {}, (_ID,))}


def picture() -> dict[int, Json]:
    """What a request for a stored picture, or for a part of it, may get."""
    return _picture()


def public_picture() -> dict[int, Json]:
    """The same of a picture that everybody may see."""
    found = _response("The file is in a bucket, where the operator has chosen to send clients there.", {}, (
        _ID, "Location", "Cache-Control", "X-Robots-Tag", _ANY_SITE,
    ))  # fmt: skip
    return _picture(_ANY_SITE) | {302: found}


def deleted() -> dict[int, Json]:
    """The answer to a request that has deleted something."""
    return {204: _response("It is gone.", {}, (_ID,))}


def _picture(*headers: str) -> dict[int, Json]:
    content = {"image/jpeg": {"schema": BINARY}}
    always = (_ID, "ETag", "Cache-Control", "Content-Disposition", "X-Content-Type-Options", "X-Robots-Tag", *headers)
    file = ("Accept-Ranges", "Last-Modified")
    return {
        200: _response("The file.", content, (*always, *file)),
        206: _response("A part of the file.", content, (*always, *file, "Content-Range")),
        304: _response("The client has the file already.", {}, always, file),
    }


def _error(description: str, *headers: str, replayed: bool = False) -> Json:
    sometimes = (() if _ID in headers else (_ID,)) + (("Idempotent-Replayed",) if replayed else ())
    return _response(description, _json(Error), headers, sometimes)


ERRORS = {
    400: _error("The request is malformed, or what it asks for is: the sentence says what is wrong.", replayed=True),
    401: _error("The App Check token is missing, malformed, expired, foreign or spent.", _ID),
    403: _error("The `X-Delete-Token` is missing, or is not that of this picture.", _ID),
    404: _error("There is nothing at this address, or no upload with this id.", replayed=True),
    408: _error("The request took too long to arrive; from a proxy in front."),
    412: _error("The file is not the one that `If-Match` names.", _ID),
    413: _error("The request's body or its form is over the limit that the sentence names.", _ID),
    414: _error("The address is too long."),
    415: _error("The request's body is compressed: it has a `Content-Encoding`.", _ID),
    416: _error("The range is outside of the file.", _ID, "Content-Range"),
    417: _error("The header `Expect` asks for what the server does not know."),
    422: _error("The `Idempotency-Key` was given to another request.", _ID),
    429: _error(
        "The app has sent too many photos in a short time, if the operator has set a rate.", _ID, "Retry-After"
    ),
    431: _error("The request's headers are too long."),
    499: _error("The client has closed its side of the connection, and so counts as gone.", _ID),
    500: _error("An error of the server."),
    501: _error("The request has a transfer coding that the server does not know."),
    503: _error("The service cannot take the work now.", "Retry-After"),
}
#: What the server, or a proxy in front, may answer to any request before the service sees it; and a failure in it.
ANYWHERE = (400, 408, 414, 417, 431, 500, 501, 503)


def unavailable(model: type[Body]) -> dict[int, Json]:
    """The answer 503 with a body of its own, or the usual one where a proxy in front does not reach the service."""
    either = {"application/json": {"schema": {"anyOf": [ref("schemas", each.__name__) for each in (model, Error)]}}}
    return {503: _response(model.__doc__ or "", either, ("Retry-After",), (_ID, "Cache-Control"))}


def photo_form(settings: Settings, fields: Json, required: Sequence[str]) -> Json:
    """A multipart request body: the photo in the field ``file``, and other ``fields``; the ``required`` of all."""
    photo = BINARY | {
        "description": f"{LISTED}, judged by content and by nothing else. At most {settings.max_pixels} pixels. "
        "Recommended are photos up to 2048×2048."
    }
    schema = {"type": "object", "properties": {"file": photo} | fields} | (
        {"required": list(required)} if required else {}
    )
    limits = (
        f"At most {settings.max_upload_bytes} bytes and {MOST_FIELDS} fields; the fields without a file at most "
        f"{MOST_TEXT_BYTES} bytes together. Fields that mean nothing are ignored."
    )
    content = {"multipart/form-data": {"schema": schema, "encoding": {"file": {"contentType": ", ".join(MEDIA_TYPES)}}}}
    return {"required": True, "description": limits, "content": content}


def photo_or_upload_form(settings: Settings, fields: Json, required: Sequence[str] = ()) -> Json:
    """The same with the id of an upload in the photo's place.

    Args:
        required: those of the other ``fields`` that are.
    """
    image_id = {
        "type": "string",
        "pattern": f"^({UUID4})?$",
        "description": "Of an earlier upload, in the place of `file`: one of the two is needed. Space around it does "
        "not count.",
        "default": "",
    }
    return photo_form(settings, {"image_id": image_id} | fields, required)


@dataclass(frozen=True)
class Operation:
    """What the document says of a view, see :func:`operation`."""

    tag: str
    answers: Mapping[int, Json]
    errors: tuple[int, ...]
    body: RequestBody | None
    asks: tuple[str, ...]


_OPERATIONS: dict[Callable[..., Any], Operation] = {}
operation_of = _OPERATIONS.get


def operation(
    tag: str,
    answers: Mapping[int, Json],
    *,
    errors: tuple[int, ...] = (),
    body: RequestBody | None = None,
    asks: tuple[str, ...] = (),
) -> Callable[[View], View]:
    """Put a view into the document. It stands between the view's route and its other decorators.

    The view's name is the operation's id; the first line of its docstring is the summary, the rest the description.

    Args:
        tag: the group in which the document shows it.
        answers: by status; beside :data:`ERRORS`, or in their place.
        errors: statuses in :data:`ERRORS`, beside those of :data:`ANYWHERE`. 401 is that of a view that needs a token.
        body: what the request has.
        asks: headers in :data:`PARAMETERS` that it may have, beside its id and those that any request for a file may.
    """

    def describe(view: View) -> View:
        _OPERATIONS[view] = Operation(tag, answers, errors, body, asks)
        return view

    return describe
