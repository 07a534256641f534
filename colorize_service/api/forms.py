"""What a client sends and how it is called back: the photo of a multipart form, and links."""

from flask import current_app, request
from werkzeug.exceptions import BadRequest

from colorize_service.connection import client_gone
from colorize_service.imaging import Photo, open_photo


def read_photo() -> Photo:
    """The photo in the field ``file`` of the multipart form; its pixels are not decoded yet.

    Raises:
        BadRequest: if there is no such field, or no host to begin the answer's links with.
        RequestEntityTooLarge: if the body is over the limit.
        ImageError: if the file is not a picture within the limits.
    """
    if not (current_app.settings.public_base_url or request.host):
        raise BadRequest("The header Host is missing or malformed, so that no link to the result could be made.")
    file = request.files.get("file")
    if file is None:
        raise BadRequest("The request has no file: send the photo as multipart/form-data in the field 'file'.")
    return open_photo(file.read(), max_pixels=current_app.settings.max_pixels)


def abandoned():
    """A function that tells, in any thread, whether the client of the current request has gone away."""
    environ = request.environ
    return lambda: client_gone(environ)


def link(path: str) -> str:
    """The public address of ``path``."""
    base = current_app.settings.public_base_url or request.url_root.rstrip("/")
    return f"{base}/{path}"
