"""The colorized pictures: public files, and the download for clients with a token."""

from flask import Blueprint, Response

from colorize_service.server.api.deleting import delete_public
from colorize_service.server.api.files import send_download, send_public
from colorize_service.server.api.operations import deleted, operation, picture, public_picture
from colorize_service.server.api.tokens import app_check_required

blueprint = Blueprint("results", __name__)


@blueprint.get("/results/<filename>")
@operation("Pictures", public_picture(), errors=(404, 412, 416))
def result(filename: str) -> Response:
    """A result.

    Public, so that it can be shown in an `<img>` on any site. Never changes: may be kept for ever.
    """
    return send_public("results", filename)


@blueprint.delete("/results/<filename>")
@operation("Pictures", deleted(), errors=(403, 404), asks=("X-Delete-Token",))
def delete_result(filename: str) -> Response:
    """Delete a result.

    Caches may keep it as long as they were told.
    """
    return delete_public("results", filename)


@blueprint.get("/download/<file_id>")
@operation("Pictures", picture(), errors=(401, 404, 412, 416))
@app_check_required
def download(file_id: str) -> Response:
    """A result as an attachment.

    Never changes: the client may keep it for ever.
    """
    return send_download("results", file_id)
