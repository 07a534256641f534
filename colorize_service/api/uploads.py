"""``POST /upload`` and the uploaded pictures."""

from flask import Blueprint, current_app, jsonify

from colorize_service.api.files import send_public
from colorize_service.api.forms import abandoned, link, read_photo
from colorize_service.auth import app_check_required

blueprint = Blueprint("uploads", __name__)


@blueprint.post("/upload")
@app_check_required
def upload():
    """Store a picture as it is, as an upright JPEG without metadata."""
    settings = current_app.settings
    current_app.upload_queue.check()
    photo = read_photo()
    with current_app.upload_queue.turn(abandoned()):
        jpeg = photo.jpeg(settings.jpeg_quality)
    image_id = current_app.storage.put("uploads", jpeg)
    filename = f"{image_id}.jpg"
    return jsonify(success=True, image_id=image_id, image_url=link(f"uploads/{filename}"), filename=filename)


@blueprint.get("/uploads/<filename>")
def uploaded(filename: str):
    """An uploaded picture."""
    return send_public("uploads", filename)
