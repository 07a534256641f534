"""``POST /colorize``."""

import time
from collections.abc import Collection

from flask import Blueprint, Response

from colorize_service.server.api.deleting import token_of
from colorize_service.server.api.forms import abandoned, check_room, link, read_photo_or_upload
from colorize_service.server.api.operations import Json, operation, photo_form, success
from colorize_service.server.api.options import option_fields, read_options
from colorize_service.server.api.repeats import once
from colorize_service.server.api.schemas import UUID4, Colorized, answer
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.logs import note
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings

blueprint = Blueprint("colorize", __name__)


def _form(settings: Settings, takes: Collection[str]) -> Json:
    image_id = {
        "type": "string",
        "pattern": f"^({UUID4})?$",
        "description": "Of an earlier upload, in the place of `file`: one of the two is needed. Space around it does "
        "not count.",
        "default": "",
    }
    return photo_form(settings, {"image_id": image_id} | option_fields(settings, takes), required=False)


def _check() -> None:
    """Refuse, before a photo is read, one that could not be colorized or stored."""
    parts().engine.loaded()  # raises while there is no model
    parts().engine.check_queue()
    check_room()


@blueprint.post("/colorize")
@operation(
    "Photos",
    success(
        Colorized, "X-Delete-Token", links={"result": ("filename", "filename"), "download": ("file_id", "result_id")}
    ),
    errors=(401, 404, 413, 415, 422, 429, 499),
    body=_form,
)
@app_check_required
@once(_check)
def colorize() -> Response:
    """Colorize a photo.

    The result is a JPEG with the photo's own width, height, detail and luminance, upright and without metadata. The
    same photo with the same fields gives the same result. It takes seconds; requests may queue.
    """
    engine, metrics = parts().engine, parts().metrics
    colorizer = engine.colorizer
    photo, options = read_photo_or_upload(), read_options()
    came = time.perf_counter()
    with engine.turn(abandoned()) as turn:
        began = time.perf_counter()
        metrics.queue_seconds.observe(began - came)
        result = colorizer.colorize(photo, options, turn)
        metrics.engine_seconds.observe(result.model_seconds)
        note(
            pixels=result.pixels,
            queue_ms=_milliseconds(began - came),
            work_ms=_milliseconds(time.perf_counter() - began),
            engine_ms=_milliseconds(result.model_seconds),
        )
        # Within the turn: where the disk is slow, results that wait for it would fill the memory.
        result_id = parts().storage.put("results", result.file)
    filename = f"{result_id}.jpg"
    return answer(
        Colorized(
            success=True,
            result_id=result_id,
            download_url=link(f"results/{filename}"),
            api_download_url=link(f"download/{result_id}"),
            filename=filename,
        ),
        headers=token_of("results", result_id),
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
