"""Files over HTTP. Stored pictures never change, so anyone may keep them for ever."""

from pathlib import Path

from flask import Response, request, send_file
from werkzeug.exceptions import NotFound, PreconditionFailed

from colorize_service.server.parts import parts

FOR_EVER = "max-age=31536000, immutable"


def send_public(collection: str, filename: str) -> Response:
    """A stored picture for everybody, by its file name ``ID.jpg``.

    Raises:
        NotFound
    """
    file_id, _, extension = filename.rpartition(".")
    if extension != "jpg":
        raise NotFound
    response = send_stored(collection, file_id)
    response.headers["Cache-Control"] = f"public, {FOR_EVER}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # in an <img> on any site
    return response


def send_stored(collection: str, file_id: str, download_name: str | None = None) -> Response:
    """A stored picture by its id, with a strong ETag, answering conditional and range requests.

    Args:
        download_name: makes it an attachment of this name.

    Raises:
        NotFound
        PreconditionFailed
    """
    path = parts().storage.find(collection, file_id)
    if path is None:
        raise NotFound
    try:
        response = send(path, "image/jpeg", file_id, download_name)
    except FileNotFoundError:  # removed a moment ago
        raise NotFound from None
    response.headers["X-Robots-Tag"] = "noindex"  # a photo is for those who have its link
    return response


def send(path: Path, mimetype: str, etag: str, download_name: str | None = None) -> Response:
    """A file with a strong ETag, answering conditional and range requests.

    Raises:
        PreconditionFailed
    """
    _obey_conditions()
    attachment = download_name is not None
    response = _checked(
        send_file(
            path, mimetype=mimetype, conditional=True, etag=etag, as_attachment=attachment, download_name=download_name
        )
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def conditional(response: Response) -> Response:
    """A text that may change: kept by anyone, but asked for again each time, with an ETag.

    Raises:
        PreconditionFailed
    """
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    _obey_conditions()
    response.make_conditional(request)
    return _checked(response)


def _obey_conditions() -> None:
    """Keep from werkzeug what it would read otherwise than RFC 9110: ``If-Match: *`` is true of any file (13.1.1), and
    a range is of ``GET`` alone (14.2)."""
    if request.if_match.star_tag:
        del request.environ["HTTP_IF_MATCH"]
    if request.method == "HEAD":
        request.environ.pop("HTTP_RANGE", None)


def _checked(response: Response) -> Response:
    if response.status_code == 412:  # werkzeug would send the file along
        response.close()
        raise PreconditionFailed("The file is not the one that If-Match names.")
    return response
