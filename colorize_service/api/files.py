"""Stored pictures over HTTP: they never change, so anyone may keep them for ever."""

from flask import Response, current_app, send_file
from werkzeug.exceptions import NotFound, PreconditionFailed

FOR_EVER = "max-age=31536000, immutable"


def send_public(collection: str, filename: str) -> Response:
    """A stored picture for everybody, by its file name ``ID.jpg``.

    Raises:
        NotFound
    """
    file_id, dot, extension = filename.rpartition(".")
    if extension != "jpg":
        raise NotFound
    response = send_stored(collection, file_id)
    response.headers["Cache-Control"] = f"public, {FOR_EVER}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # in an <img> on any site
    return response


def send_stored(collection: str, file_id: str, **options: object) -> Response:
    """A stored picture by its id, with a strong ETag, answering conditional and range requests.

    Raises:
        NotFound
        PreconditionFailed
    """
    path = current_app.storage.find(collection, file_id)
    if path is None:
        raise NotFound
    response = send_file(path, mimetype="image/jpeg", conditional=True, etag=file_id, **options)
    if response.status_code == 412:  # werkzeug would send the picture along
        response.close()
        raise PreconditionFailed("The file is not the one that If-Match names.")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
