"""What proves that a client may delete a picture: a token that whoever made the picture got with it."""

import hashlib
import hmac
import time

from colorize_service.server.storage.store import Storage

#: The name of the header that has the token, in answers and in requests.
HEADER = "X-Delete-Token"
#: After so many seconds the store may be asked again whether another replica has made a secret.
ASK_AGAIN_AFTER = 1.0


class DeleteTokens:
    """Tokens of pictures: HMAC-SHA256 (RFC 2104) of collection and id, in hexadecimal. Nothing is kept for them."""

    def __init__(self, secret: str | None, storage: Storage):
        """
        Args:
            secret: the operator's; None: one that is kept in the store.
        """
        self._own = [secret.encode()] if secret else None
        self._storage = storage
        self._known: list[bytes] = []
        self._asked = 0.0  # on the monotonic clock

    def token(self, collection: str, file_id: str) -> str:
        """That of a picture.

        Raises:
            StoreUnavailable, OSError: if the secret is in the store and cannot be had.
        """
        return _mac(self._secrets()[0], collection, file_id)

    def is_right(self, collection: str, file_id: str, token: str) -> bool:
        """Whether this is the picture's token; takes the same time wherever it is wrong.

        Raises:
            StoreUnavailable, OSError: if the secret is in the store and cannot be had.
        """
        known = self._secrets()
        if _is_of_one(known, collection, file_id, token):
            return True
        if self._own is None and time.monotonic() - self._asked >= ASK_AGAIN_AFTER:
            return _is_of_one(self._ask(), collection, file_id, token)
        return False

    def _secrets(self) -> list[bytes]:
        return self._own or self._known or self._ask()

    def _ask(self) -> list[bytes]:
        self._known, self._asked = self._storage.secrets(), time.monotonic()
        return self._known


def _is_of_one(known: list[bytes], collection: str, file_id: str, token: str) -> bool:
    given = token.encode(errors="replace")  # compare_digest takes no text beyond ASCII
    return any(hmac.compare_digest(_mac(secret, collection, file_id).encode(), given) for secret in known)


def _mac(secret: bytes, collection: str, file_id: str) -> str:
    return hmac.new(secret, f"{collection}/{file_id}".encode(), hashlib.sha256).hexdigest()
