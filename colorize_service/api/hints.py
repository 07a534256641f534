"""The form field ``hints`` of ``POST /colorize``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from colorize_service.inference import Hint

MOST = 100


class HintField(BaseModel):
    """One hint: a point, each coordinate 0…1 from the upright photo's top left corner, and its colour ``#rrggbb``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    x: float = Field(ge=0, le=1, allow_inf_nan=False)
    y: float = Field(ge=0, le=1, allow_inf_nan=False)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")


_LIST = TypeAdapter(Annotated[list[HintField], Field(max_length=MOST)])


def parse_hints(text: str) -> tuple[Hint, ...]:
    """The hints in a field's text.

    Raises:
        BadRequest: saying which value is wrong and how.
    """
    try:
        fields = _LIST.validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        raise BadRequest(
            f"The field hints{where} is wrong: {problem['msg']}. It takes a JSON list of at most {MOST} "
            'hints like {"x": 0.5, "y": 0.25, "color": "#336699"}, x and y from 0 to 1.'
        ) from None
    return tuple(Hint(field.x, field.y, tuple(bytes.fromhex(field.color[1:]))) for field in fields)
