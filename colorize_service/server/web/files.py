"""The files that come with the service: its pages, and what they load."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import NotFound

from colorize_service.server.api.files import send

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


def send_page(folder: Path) -> Response:
    """The page ``index.html`` of the folder."""
    return _send(folder, "index.html")


def send_asset(folder: Path, name: str) -> Response:
    """A file that a page loads, by its path below the folder.

    Raises:
        NotFound: if there is none, or if it is a page itself.
    """
    if name not in _etags(folder) or name.endswith(".html"):
        raise NotFound
    return _send(folder, name)


def _send(folder: Path, name: str) -> Response:
    path, mimetype, etag = folder / name, TYPES[Path(name).suffix], _etags(folder)[name]
    if mimetype == "image/jpeg":  # gzip would make nothing of it
        response = send(path, mimetype, etag)
    else:
        packed = request.accept_encodings.quality("gzip") > 0
        response = send(BytesIO(_packed(path)), mimetype, f"{etag}-gzip") if packed else send(path, mimetype, etag)
        response.vary.add("Accept-Encoding")
        if packed and response.status_code in (200, 206):
            response.headers["Content-Encoding"] = "gzip"
    # Asked for again each time, at the cost of a 304, so that all files of a page are from the same release.
    response.headers["Cache-Control"] = "no-cache"
    return response


@cache
def _packed(path: Path) -> bytes:
    """The file's content in gzip, the same on all replicas."""
    return gzip.compress(path.read_bytes(), mtime=0)


@cache
def _etags(folder: Path) -> Mapping[str, str]:
    """Of each file by its path below the folder: made of its content, so that it is the same on all replicas."""
    files = (path for path in folder.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in files}
