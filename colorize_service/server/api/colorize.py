"""``POST /colorize``."""

from collections.abc import Collection

from flask import Blueprint, Response

from colorize_service.server.api.answers import colorized
from colorize_service.server.api.deleting import token_of
from colorize_service.server.api.forms import abandoned, check_room, read_photo_or_upload
from colorize_service.server.api.jobs import accepted, wants_job
from colorize_service.server.api.operations import Json, accepted_as, operation, photo_or_upload_form, success
from colorize_service.server.api.options import option_fields, read_options
from colorize_service.server.api.repeats import once
from colorize_service.server.api.schemas import Colorized, Job, answer
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings

blueprint = Blueprint("colorize", __name__)


def _form(settings: Settings, takes: Collection[str]) -> Json:
    return photo_or_upload_form(settings, option_fields(settings, takes))


def _check() -> None:
    """Refuse, before a photo is read, one that could not be colorized or stored."""
    parts().engine.check_queue()  # also while there is no model
    check_room()


@blueprint.post("/colorize")
@operation(
    "Photos",
    success(
        Colorized, "X-Delete-Token", links={"result": ("filename", "filename"), "download": ("file_id", "result_id")}
    )
    | accepted_as(Job, "X-Delete-Token", links={"job": ("job_id", "job_id")}),
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
    photo, upload_id = read_photo_or_upload()
    options = read_options()
    if jobs := wants_job():
        return accepted(jobs.submit(photo, options, upload_id))
    result_id = parts().engine.colorize(photo, options, abandoned(), upload_id)
    return answer(colorized(result_id), headers=token_of("results", result_id))
