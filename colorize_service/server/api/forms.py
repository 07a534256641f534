"""What a client sends and how it is called back: the fields of a form, the photo among them, and links."""

from collections.abc import Callable

from flask import g, request
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from colorize_service.imaging import Photo, open_photo
from colorize_service.server.connection import body_pieces, client_gone
from colorize_service.server.form import Form, read_form
from colorize_service.server.held_bytes import Share
from colorize_service.server.parts import parts
from colorize_service.server.proxies import LONGEST


def request_form() -> Form:
    """The current request's form. Its body is read by the first call.

    Raises:
        UnsupportedMediaType: if the body is compressed.
        BadRequest: if the body or the form in it is malformed, with what is wrong.
        RequestEntityTooLarge: if the body or the form is over a limit, with that limit.
        Busy: if there is no room for it at this time.
    """
    form: Form | None = g.get("form")
    if form is None:
        coding = request.headers.get("Content-Encoding", "").strip()
        if coding.lower() not in ("", "identity"):
            raise UnsupportedMediaType("The request's body has a Content-Encoding: send it without one.")
        pieces = body_pieces(request.environ, parts().settings.max_upload_bytes, _held())
        form = g.form = read_form(request.headers.get("Content-Type", ""), pieces)
    return form


def _held() -> Share:
    """What the current request holds of the bytes that all together may hold."""
    if "held" not in g:
        g.held = parts().held_bytes.share()
    share: Share = g.held
    return share


def let_go(_: BaseException | None = None) -> None:
    """At a request's end: what it has sent is not held any more."""
    if "held" in g:
        _held().end()


def read_photo() -> Photo:
    """The photo in the field ``file`` of the multipart form; its pixels are not decoded yet.

    Raises:
        BadRequest: if there is no such field, or no host to begin the answer's links with.
        HTTPException: for what :func:`request_form` refuses.
        ImageError: if the file is not a picture within the limits.
    """
    _check_host()
    photo = request_form().photo
    if photo is None:
        raise BadRequest("The request has no file: send the photo as multipart/form-data in the field 'file'.")
    return open_photo(photo, max_pixels=parts().settings.max_pixels)


def read_photo_or_upload() -> tuple[Photo, str | None]:
    """The photo in the field ``file``, or the earlier upload that the field ``image_id`` names, and the upload's id.

    Raises:
        BadRequest: if there are both or neither, or for what :func:`read_photo` refuses.
        NotFound: if there is no such upload.
        HTTPException: for what :func:`request_form` refuses.
        ImageError: if the file is not a picture within the limits.
        Busy: if there is no room for it at this time.
    """
    form = request_form()
    image_id = form.text("image_id").strip()
    if not image_id:
        if form.photo is not None:
            return read_photo(), None
        raise BadRequest(
            "The request has no photo: send it as multipart/form-data in the field 'file', or the id of "
            "an earlier upload in the field 'image_id'."
        )
    if form.photo is not None:
        raise BadRequest("The request has both a file and an image_id: send one of them.")
    _check_host()
    storage, hold = parts().storage, _held().add
    if not storage.open("uploads", image_id):
        raise NotFound("There is no upload with this image_id.")
    # Earlier versions kept what is shown and nothing else.
    data = storage.get("originals", image_id, hold) or storage.get("uploads", image_id, hold)
    if data is None:  # removed a moment ago
        raise NotFound("There is no upload with this image_id.")
    return open_photo(data, max_pixels=parts().settings.max_pixels), image_id


def _check_host() -> None:
    if not (parts().settings.public_base_url or 0 < len(request.host) <= LONGEST):
        raise BadRequest("The header Host is missing or malformed, so that no link to the result could be made.")


def check_room() -> None:
    """Whether there is room to store what comes of the current request, which is about as large as its body.

    Raises:
        StorageFull
    """
    # A body over its limit is another answer.
    parts().storage.check_room(min(request.content_length or 0, parts().settings.max_upload_bytes))


def abandoned() -> Callable[[], bool]:
    """A function that tells, in any thread, whether the client of the current request has gone away."""
    environ = request.environ
    return lambda: client_gone(environ)


def link(path: str) -> str:
    """The public address of ``path``."""
    base = parts().settings.public_base_url or request.url_root.rstrip("/")
    return f"{base}/{path}"
