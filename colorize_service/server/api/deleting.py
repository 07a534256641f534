"""Pictures are deleted by who has the token that came with them."""

from flask import Response, request
from werkzeug.exceptions import Forbidden, NotFound

from colorize_service.server.api.files import id_in
from colorize_service.server.delete_tokens import HEADER
from colorize_service.server.parts import parts


def token_of(collection: str, file_id: str) -> dict[str, str]:
    """The header with which an answer gives a new picture's token to its client."""
    return {HEADER: parts().delete_tokens.token(collection, file_id)}


def delete_public(collection: str, filename: str, beside: str | None = None) -> Response:
    """Delete a public picture, by its file name ``ID.jpg``, for a client with its token.

    Args:
        beside: the private collection that may have a file of the same id, which goes first: while the public one is
            there, a client that was told of a failure can try again.

    Raises:
        NotFound
        Forbidden
    """
    file_id, storage = id_in(filename), parts().storage
    if storage.open(collection, file_id) is None:
        raise NotFound
    if not parts().delete_tokens.is_right(collection, file_id, request.headers.get(HEADER, "")):
        raise Forbidden(f"The header {HEADER} is not the one that came with this picture: it cannot be deleted.")
    if beside is not None:
        storage.delete(beside, file_id)
    if not storage.delete(collection, file_id):  # by another request, a moment ago
        raise NotFound
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
