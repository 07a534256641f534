"""What a client sends and how it is called back: the fields of a form, the photo among them, and links."""

from flask import request
from werkzeug.exceptions import BadRequest, NotFound

from colorize_service.imaging import Photo, open_photo
from colorize_service.server.connection import client_gone
from colorize_service.server.parts import parts


def read_photo() -> Photo:
    """The photo in the field ``file`` of the multipart form; its pixels are not decoded yet.

    Raises:
        BadRequest: if there is no such field, or no host to begin the answer's links with.
        RequestEntityTooLarge: if the body is over the limit.
        ImageError: if the file is not a picture within the limits.
    """
    _check_host()
    file = request.files.get("file")
    if file is None:
        raise BadRequest("The request has no file: send the photo as multipart/form-data in the field 'file'.")
    return open_photo(file.read(), max_pixels=parts().settings.max_pixels)


def read_photo_or_upload() -> Photo:
    """The photo in the field ``file``, or the earlier upload that the field ``image_id`` names.

    Raises:
        BadRequest: if there are both or neither, or for what :func:`read_photo` refuses.
        NotFound: if there is no such upload.
        RequestEntityTooLarge: if the body is over the limit.
        ImageError: if the file is not a picture within the limits.
    """
    image_id = read_text("image_id")
    if not image_id:
        if "file" in request.files:
            return read_photo()
        raise BadRequest(
            "The request has no photo: send it as multipart/form-data in the field 'file', or the id of "
            "an earlier upload in the field 'image_id'."
        )
    if "file" in request.files:
        raise BadRequest("The request has both a file and an image_id: send one of them.")
    _check_host()
    data = parts().storage.get("uploads", image_id)
    if data is None:
        raise NotFound("There is no upload with this image_id.")
    return open_photo(data, max_pixels=parts().settings.max_pixels)


def read_text(name: str) -> str:
    """The form field of this name without the space around it; empty where it is missing."""
    return request.form.get(name, "").strip()


def _check_host() -> None:
    if not (parts().settings.public_base_url or request.host):
        raise BadRequest("The header Host is missing or malformed, so that no link to the result could be made.")


def abandoned():
    """A function that tells, in any thread, whether the client of the current request has gone away."""
    environ = request.environ
    return lambda: client_gone(environ)


def link(path: str) -> str:
    """The public address of ``path``."""
    base = parts().settings.public_base_url or request.url_root.rstrip("/")
    return f"{base}/{path}"
