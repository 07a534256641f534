"""``POST /colors``."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from colorize_service.likely import MOST_COLOURS
from colorize_service.server.api.forms import abandoned, read_photo_or_upload, request_form
from colorize_service.server.api.operations import operation, photo_or_upload_form, success_with_several
from colorize_service.server.api.schemas import LikelyColor, answer
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.form import PLACE
from colorize_service.server.parts import parts

blueprint = Blueprint("colors", __name__)

_SHARE = TypeAdapter(Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)])
_POINT = {
    name: _SHARE.json_schema() | {"description": f"Where the point is {way}, in shares of the upright photo's {side}."}
    for name, way, side in zip(PLACE, ("from the left", "from the top"), ("width", "height"), strict=True)
}


@blueprint.post("/colors")
@operation(
    "Photos",
    success_with_several(LikelyColor, MOST_COLOURS),
    errors=(401, 404, 413, 415, 429, 499),
    body=lambda settings, _: photo_or_upload_form(settings, _POINT, required=PLACE),
)
@app_check_required
def colors() -> Response:
    """Which colours does a surface of a photo most likely have?

    The surface on which the point lies; each colour at the luma that the photo has there, good for a hint at the same
    point, the most likely first. Nothing is stored. `400` with a model that does not tell them, see `GET /model`.
    """
    engine = parts().engine
    engine.check_queue()
    engine.check_suggests()
    photo, upload_id = read_photo_or_upload()
    x, y = map(_read_share, PLACE)
    found = engine.likely_colours(photo, (x, y), abandoned(), upload_id)
    return answer([LikelyColor(color=each.hex, share=each.share) for each in found])


def _read_share(name: str) -> float:
    """The field's number.

    Raises:
        BadRequest: saying what is wrong.
    """
    text = request_form().text(name).strip()
    takes = "It takes a number from 0 to 1, the point's place in shares of the photo's width or height."
    if not text:
        raise BadRequest(f"The field {name} is missing. {takes}")
    try:
        return _SHARE.validate_python(text)
    except ValidationError as error:
        raise BadRequest(f"The field {name} is wrong: {error.errors()[0]['msg']}. {takes}") from None
