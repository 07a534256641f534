"""The optional form fields of ``POST /colorize``: what is to be considered when the photo is colorized."""

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from colorize_service.options import MOST_HINTS, OPTIONS, Hint, Option, Options, Reach
from colorize_service.server.api.forms import request_form
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings


class HintField(BaseModel):
    """One hint: a point, each coordinate 0…1 from the upright photo's top left corner, its colour ``#rrggbb``, and how
    far it reaches."""

    model_config = ConfigDict(strict=True, extra="forbid")

    x: float = Field(ge=0, le=1, allow_inf_nan=False)
    y: float = Field(ge=0, le=1, allow_inf_nan=False)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    reach: Reach = "surface"


#: Characters of a client's text that an answer repeats.
MOST_SHOWN = 40
#: Characters of the field hints: several times what as many hints as there may be need. Their reader takes a hundred
#: times as many bytes.
MOST_HINT_CHARACTERS = 500 * MOST_HINTS
_EXAMPLE = '[{"x": 0.2, "y": 0.6, "color": "#208030"}]'
_HINTS = TypeAdapter(Annotated[list[HintField], Field(max_length=MOST_HINTS)])


def parse_hints(text: str) -> tuple[Hint, ...]:
    """The hints in a field's text.

    Raises:
        BadRequest: saying which value is wrong and how.
    """
    if len(text) > MOST_HINT_CHARACTERS:
        raise BadRequest(
            f"The field hints is too long: at most {MOST_HINTS} hints in {MOST_HINT_CHARACTERS} characters are taken."
        )
    try:
        fields = _HINTS.validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in problem["loc"])
        raise BadRequest(
            f"The field hints{where} is wrong: {problem['msg']}. It takes a JSON list of at most {MOST_HINTS} "
            'hints like {"x": 0.5, "y": 0.25, "color": "#336699"}, x and y from 0 to 1.'
        ) from None
    return tuple(Hint(field.x, field.y, _rgb(field.color), field.reach) for field in fields)


def _shown(key: str) -> str:
    """A client's own word, of which an answer repeats no more than a person needs to find it."""
    return key if len(key) <= MOST_SHOWN else f"{key[:MOST_SHOWN]}…"


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


@cache
def _adapter(option: Option) -> TypeAdapter[Any]:
    bounds: dict[str, Any] = {}
    if option.kind in (int, float):
        bounds = {"ge": option.least, "le": option.most}
    if option.kind is float:
        bounds["allow_inf_nan"] = False
    return TypeAdapter(Annotated[option.kind, Field(description=option.about, **bounds)])  # type: ignore[arg-type]


def _allowed(option: Option, settings: Settings) -> Option:
    """The option within the operator's own limits."""
    if option.name == "steps":
        return replace(option, most=settings.max_steps)
    return option


def _parse(option: Option, text: str) -> object:
    """The option's value in the text of its field.

    Raises:
        BadRequest: saying what is wrong, and what it takes.
    """
    if option.kind is tuple:
        return parse_hints(text)
    if option.kind is str:
        return text
    try:
        return _adapter(option).validate_python(text.strip())
    except ValidationError as error:
        what = "a whole number" if option.kind is int else "a number"
        raise BadRequest(
            f"The field {option.name} is wrong: {error.errors()[0]['msg']}. It takes {what} from {option.least} to "
            f"{option.most}."
        ) from None


def option_fields(settings: Settings, takes: Collection[str]) -> dict[str, dict[str, Any]]:
    """JSON schemas of the form's fields that a model ``takes``, and of those that hold for every model."""
    return {
        name: _schema(_allowed(option, settings))
        for name, option in OPTIONS.items()
        if option.for_every_model or name in takes
    }


def _schema(option: Option) -> dict[str, Any]:
    if option.kind is tuple:  # a plain text: what JSON Schema has for JSON within text makes it a file in Swagger UI
        about = f"{option.about} A JSON list of at most {MOST_HINTS}: `{_EXAMPLE}`. `reach` may be `surface` (that on "
        "which the point lies; the default), `spot` or, for models that say so, `similar` (all that looks like it)."
        return {"type": "string", "maxLength": MOST_HINT_CHARACTERS, "description": about, "default": ""}
    schema = _adapter(option).json_schema()
    if option.kind is str:
        return schema | {"default": ""}  # as good as missing, so that a form that is filled by machine asks for nothing
    return schema | ({"default": option.default} if option.for_every_model else {})


def read_options() -> Options:
    """The request's options; a field that is missing or empty is left to its default.

    Raises:
        BadRequest: saying which value is wrong and how, or what is wrong with the form.
        OptionNotTaken: if the loaded model does not take a field.
        NotLoaded
    """
    form = request_form()
    texts = {name: text for name in OPTIONS if (text := form.text(name)).strip()}
    parts().engine.check_taken(name for name in texts if not OPTIONS[name].for_every_model)
    values: dict[str, Any] = {
        name: _parse(_allowed(OPTIONS[name], parts().settings), text) for name, text in texts.items()
    }
    options = Options(**values)
    parts().engine.check_taken(options.of_the_model())
    return options
