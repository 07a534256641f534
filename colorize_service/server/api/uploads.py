"""``POST /upload`` and the uploaded pictures."""

from flask import Blueprint, jsonify

from colorize_service.server.api.files import send_public
from colorize_service.server.api.forms import abandoned, link, read_photo
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.parts import parts

blueprint = Blueprint("uploads", __name__)


@blueprint.post("/upload")
@app_check_required
def upload():
    """Store a picture as it is, as an upright JPEG without metadata."""
    settings = parts().settings
    parts().upload_queue.check()
    photo = read_photo()
    with parts().upload_queue.turn(abandoned()):
        jpeg = photo.jpeg(settings.jpeg_quality)
    image_id = parts().storage.put("uploads", jpeg)
    filename = f"{image_id}.jpg"
    return jsonify(success=True, image_id=image_id, image_url=link(f"uploads/{filename}"), filename=filename)


@blueprint.get("/uploads/<filename>")
def uploaded(filename: str):
    """An uploaded picture."""
    return send_public("uploads", filename)
