"""``POST /colorize``."""

import time

from flask import Blueprint, Response, jsonify

from colorize_service.server.api.forms import abandoned, link, read_photo_or_upload
from colorize_service.server.api.options import read_options
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.logs import note
from colorize_service.server.parts import parts

blueprint = Blueprint("colorize", __name__)


@blueprint.post("/colorize")
@app_check_required
def colorize() -> Response:
    """Store the photo in colour: its own luminance, the model's chroma, as the request's options have it."""
    engine, metrics = parts().engine, parts().metrics
    colorizer = engine.colorizer  # raises while there is no model
    engine.check_queue()  # before a photo is read that would be refused
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
    result_id = parts().storage.put("results", result.jpeg)
    filename = f"{result_id}.jpg"
    return jsonify(
        success=True,
        result_id=result_id,
        download_url=link(f"results/{filename}"),
        api_download_url=link(f"download/{result_id}"),
        filename=filename,
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
