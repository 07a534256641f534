"""``POST /colorize``."""

import time

from flask import Blueprint, current_app, jsonify

from colorize_service import imaging
from colorize_service.api.forms import abandoned, link, read_photo_or_upload
from colorize_service.api.options import read_options, read_saturation
from colorize_service.auth import app_check_required
from colorize_service.inference import Options, Turn
from colorize_service.logs import note

blueprint = Blueprint("colorize", __name__)


@blueprint.post("/colorize")
@app_check_required
def colorize():
    """Store the photo in colour: its own luminance, the model's chroma, as the request's options have it."""
    engine = current_app.engine
    if problem := engine.problem:
        raise problem
    engine.check_queue()  # before a photo is read that would be refused
    photo, options, saturation = read_photo_or_upload(), read_options(), read_saturation()
    came = time.perf_counter()
    with engine.turn(abandoned()) as turn:
        began = time.perf_counter()
        current_app.metrics.queue_seconds.observe(began - came)
        jpeg = _colorized(photo, options, saturation, turn)
        note(queue_ms=_milliseconds(began - came), work_ms=_milliseconds(time.perf_counter() - began))
    result_id = current_app.storage.put("results", jpeg)
    filename = f"{result_id}.jpg"
    return jsonify(
        success=True,
        result_id=result_id,
        download_url=link(f"results/{filename}"),
        api_download_url=link(f"download/{result_id}"),
        filename=filename,
    )


def _colorized(photo: imaging.Photo, options: Options, saturation: float, turn: Turn) -> bytes:
    engine = current_app.engine
    luma = photo.luma()
    small = imaging.shrink(luma, engine.processing_size(*luma.size))
    began = time.perf_counter()
    chroma = engine.chroma(small, options, turn)
    seconds = time.perf_counter() - began
    current_app.metrics.engine_seconds.observe(seconds)
    note(pixels=luma.width * luma.height, engine_ms=_milliseconds(seconds))
    chroma = imaging.saturate(chroma, saturation)
    return imaging.add_chroma(luma, chroma, current_app.settings.jpeg_quality, small)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
