"""The optional form fields of ``POST /colorize``: what is to be considered when the photo is colorized."""

from collections.abc import Callable
from typing import Annotated

from flask import current_app, request
from pydantic import Field, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from colorize_service.api.forms import read_text
from colorize_service.api.hints import parse_hints
from colorize_service.inference import Options

# The fields that take a number: its type, the least and the most.
NUMBERS = {
    "saturation": (float, 0, 2),
    "seed": (int, 0, 2**32 - 1),
    "steps": (int, 1, 50),
    "guidance_scale": (float, 1, 20),
}


def _number(name: str) -> Callable[[str], float]:
    kind, least, most = NUMBERS[name]
    adapter = TypeAdapter(
        Annotated[kind, Field(ge=least, le=most, allow_inf_nan=False) if kind is float else Field(ge=least, le=most)]
    )

    def parse(text: str) -> float:
        try:
            return adapter.validate_python(text.strip())
        except ValidationError as error:
            what = "a whole number" if kind is int else "a number"
            raise BadRequest(
                f"The field {name} is wrong: {error.errors()[0]['msg']}. It takes {what} from {least} to {most}."
            ) from None

    return parse


# How the text of each field becomes the value of the option of the same name.
_FIELDS: dict[str, Callable[[str], object]] = {
    "hints": parse_hints,
    "prompt": str,
    "negative_prompt": str,
    "seed": _number("seed"),
    "steps": _number("steps"),
    "guidance_scale": _number("guidance_scale"),
}

_saturation = _number("saturation")


def read_saturation() -> float:
    """By how much the result's chroma is to be stronger than the model's, 0…2; 1 where the request does not say.

    Raises:
        BadRequest: if it is no such number.
    """
    text = read_text("saturation")
    return _saturation(text) if text else 1.0


def read_options() -> Options:
    """The request's options; a field that is missing or empty is left to the model.

    Raises:
        BadRequest: saying which value is wrong and how.
        UnknownField: if the loaded model does not take a field.
        NotLoaded
    """
    texts = {name: request.form[name] for name in _FIELDS if read_text(name)}
    current_app.engine.check_fields(texts)
    return Options(**{name: _FIELDS[name](text) for name, text in texts.items()})
