"""``POST /upload`` and the uploaded pictures."""

from flask import Blueprint, Response

from colorize_service.server.api.deleting import delete_public, token_of
from colorize_service.server.api.files import send_public
from colorize_service.server.api.forms import abandoned, check_room, link, read_photo, request_form
from colorize_service.server.api.operations import deleted, operation, photo_form, public_picture, success
from colorize_service.server.api.repeats import once
from colorize_service.server.api.schemas import Uploaded, answer
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.parts import parts

blueprint = Blueprint("uploads", __name__)


def _check() -> None:
    """Refuse, before a picture is read, one that could not be worked on or stored."""
    parts().upload_queue.check()
    check_room()


@blueprint.post("/upload")
@operation(
    "Photos",
    success(Uploaded, "X-Delete-Token", links={"uploaded": ("filename", "filename")}),
    errors=(401, 413, 415, 422, 429, 499),
    body=lambda settings, _: photo_form(settings, {}, required=["file"]),
)
@app_check_required
@once(_check)
def upload() -> Response:
    """Store a picture as it is.

    Shown is an upright JPEG in sRGB without metadata. What was sent is kept beside it, for nobody to see, so that
    colorizing the upload gives the same bytes as colorizing the photo itself.
    """
    settings = parts().settings
    photo = read_photo()
    with parts().upload_queue.turn(abandoned()):
        jpeg = photo.jpeg(settings.jpeg_quality)
        # Within the turn: where the disk is slow, pictures that wait for it would fill the memory.
        image_id = parts().storage.put_all({"originals": request_form().photo or b"", "uploads": jpeg})
    filename = f"{image_id}.jpg"
    return answer(
        Uploaded(success=True, image_id=image_id, image_url=link(f"uploads/{filename}"), filename=filename),
        headers=token_of("uploads", image_id),
    )


@blueprint.get("/uploads/<filename>")
@operation("Pictures", public_picture(), errors=(404, 412, 416))
def uploaded(filename: str) -> Response:
    """An uploaded picture.

    Public, as the results are. Never changes: may be kept for ever.
    """
    return send_public("uploads", filename)


@blueprint.delete("/uploads/<filename>")
@operation("Pictures", deleted(), errors=(403, 404), asks=("X-Delete-Token",))
def delete_upload(filename: str) -> Response:
    """Delete an uploaded picture.

    With all that was kept of it. Results that were made of it stay. Caches may keep it as long as they were told.
    """
    return delete_public("uploads", filename, beside="originals")
