"""Files over HTTP. Stored pictures never change, so anyone may keep them for ever."""

import time
from io import BytesIO
from pathlib import Path

from flask import Response, request, send_file
from werkzeug.exceptions import NotFound, PreconditionFailed

from colorize_service.server.parts import parts
from colorize_service.server.storage.store import Stored

#: Seconds for which browsers and caches may keep a picture, where it has no end.
A_YEAR = 365 * 24 * 3600
#: Seconds for which a link to a picture in the bucket is good.
LINK_LASTS = 600


def id_in(filename: str) -> str:
    """The id in a public file's name ``ID.jpg``.

    Raises:
        NotFound: if it has another ending.
    """
    file_id, _, extension = filename.rpartition(".")
    if extension != "jpg":
        raise NotFound
    return file_id


def send_public(collection: str, filename: str) -> Response:
    """A stored picture for everybody, by its file name ``ID.jpg``; or the way to it, where the operator wants that.

    Raises:
        NotFound
        PreconditionFailed
    """
    file_id = id_in(filename)
    stored = _find(collection, file_id)
    elsewhere = parts().settings.storage_redirect
    # Pages of this very site take pictures from nowhere else (Content-Security-Policy).
    if elsewhere and request.method == "GET" and request.headers.get("Sec-Fetch-Site") != "same-origin":
        response = _send_away(stored)
    else:
        response = _send_stored(stored, file_id, "public")
    if elsewhere:
        response.vary.add("Sec-Fetch-Site")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # in an <img> on any site
    return response


def send_download(collection: str, file_id: str) -> Response:
    """A stored picture by its id as an attachment, that no cache on the way keeps.

    Raises:
        NotFound
        PreconditionFailed
    """
    return _send_stored(_find(collection, file_id), file_id, "private", download_name=f"{file_id}.jpg")


def _find(collection: str, file_id: str) -> Stored:
    stored = parts().storage.open(collection, file_id)
    if stored is None:
        raise NotFound
    return stored


def _send_stored(stored: Stored, file_id: str, kept_by: str, download_name: str | None = None) -> Response:
    """A stored picture, with a strong ETag, answering conditional and range requests."""
    try:
        response = _send_content(stored, file_id, download_name)
    except FileNotFoundError:  # removed a moment ago
        raise NotFound from None
    response.headers["Cache-Control"] = f"{kept_by}, max-age={_seconds_left(stored, A_YEAR)}, immutable"
    response.headers["X-Robots-Tag"] = "noindex"  # a photo is for those who have its link
    return response


def _send_away(stored: Stored) -> Response:
    """To the bucket: the answer may be kept for half the time for which its link is good."""
    assert stored.link is not None, "STORAGE_REDIRECT needs a bucket"
    lasts = _seconds_left(stored, LINK_LASTS)
    response = Response(status=302, headers={"Location": stored.link(max(1, lasts))})
    response.headers["Cache-Control"] = f"public, max-age={lasts // 2}"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _seconds_left(stored: Stored, most: int) -> int:
    return most if stored.expires is None else max(0, min(most, int(stored.expires - time.time())))


def _send_content(stored: Stored, file_id: str, download_name: str | None) -> Response:
    if isinstance(stored.content, Path):
        return send(stored.content, "image/jpeg", file_id, download_name)
    _obey_conditions()
    response = send_file(
        BytesIO(),
        mimetype="image/jpeg",
        conditional=False,
        etag=file_id,
        last_modified=stored.modified,
        as_attachment=download_name is not None,
        download_name=download_name or f"{file_id}.jpg",
    )
    response.content_length = stored.size
    response.make_conditional(request, accept_ranges=True, complete_length=stored.size)
    _checked(response)
    if request.method == "GET" and response.status_code in (200, 206):
        part = response.content_range
        response.response = stored.content(part.start or 0, stored.size if part.stop is None else part.stop)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def send(content: Path | BytesIO, mimetype: str, etag: str, download_name: str | None = None) -> Response:
    """A file, or its bytes, with a strong ETag, answering conditional and range requests.

    Raises:
        PreconditionFailed
    """
    _obey_conditions()
    attachment = download_name is not None
    response = _checked(
        send_file(
            content,
            mimetype=mimetype,
            conditional=True,
            etag=etag,
            as_attachment=attachment,
            download_name=download_name,
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
