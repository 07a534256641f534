"""The colorized pictures: public files, and the download for clients with a token."""

from flask import Blueprint, Response

from colorize_service.server.api.files import send_download, send_public
from colorize_service.server.api.operations import operation, picture, public_picture
from colorize_service.server.api.tokens import app_check_required

blueprint = Blueprint("results", __name__)


@blueprint.get("/results/<filename>")
@operation("Pictures", public_picture(), errors=(404, 412, 416))
def result(filename: str) -> Response:
    """A result.

    Public, so that it can be shown in an `<img>` on any site. Never changes: may be kept for ever.
    """
    return send_public("results", filename)


@blueprint.get("/download/<file_id>")
@operation("Pictures", picture(), errors=(401, 404, 412, 416))
@app_check_required
def download(file_id: str) -> Response:
    """A result as an attachment.

    Never changes: the client may keep it for ever.
    """
    return send_download("results", file_id)
