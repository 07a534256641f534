"""The optional form fields of ``POST /colorize``: what is to be considered when the photo is colorized."""

from collections.abc import Callable
from typing import Annotated

from flask import current_app, request
from pydantic import Field, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from colorize_service.api.hints import parse_hints
from colorize_service.inference import Options


def _number(name: str, kind: type, least: float, most: float) -> Callable[[str], float]:
    adapter = TypeAdapter(Annotated[kind, Field(ge=least, le=most, allow_inf_nan=False) if kind is float else
                                    Field(ge=least, le=most)])

    def parse(text: str) -> float:
        try:
            return adapter.validate_python(text.strip())
        except ValidationError as error:
            what = "a whole number" if kind is int else "a number"
            raise BadRequest(f"The field {name} is wrong: {error.errors()[0]['msg']}. It takes {what} from {least} to "
                             f"{most}.") from None
    return parse


# How the text of each field becomes the value of the option of the same name.
_FIELDS: dict[str, Callable[[str], object]] = {
    "hints": parse_hints,
    "prompt": str,
    "negative_prompt": str,
    "seed": _number("seed", int, 0, 2**32 - 1),
    "steps": _number("steps", int, 1, 50),
    "guidance_scale": _number("guidance_scale", float, 1, 20),
}


def read_options() -> Options:
    """The request's options; a field that is missing or empty is left to the model.

    Raises:
        BadRequest: saying which value is wrong and how.
        UnknownField: if the loaded model does not take a field.
        NotLoaded
    """
    texts = {name: request.form[name] for name in _FIELDS if request.form.get(name, "").strip()}
    current_app.engine.check_fields(texts)
    return Options(**{name: _FIELDS[name](text) for name, text in texts.items()})
