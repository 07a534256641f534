"""The colorized pictures: public files, and the download for clients with a token."""

from flask import Blueprint

from colorize_service.server.api.files import FOR_EVER, send_public, send_stored
from colorize_service.server.api.tokens import app_check_required

blueprint = Blueprint("results", __name__)


@blueprint.get("/results/<filename>")
def result(filename: str):
    """A result."""
    return send_public("results", filename)


@blueprint.get("/download/<file_id>")
@app_check_required
def download(file_id: str):
    """A result as an attachment."""
    response = send_stored("results", file_id, as_attachment=True, download_name=f"{file_id}.jpg")
    response.headers["Cache-Control"] = f"private, {FOR_EVER}"
    return response
