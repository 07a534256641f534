"""Firebase App Check: only requests from the project's own apps are served.

The verification is firebase-admin's own. Two things around it are ours: what can be refused without a key is refused
before anything is fetched, and the public keys are kept so that neither a slow key server nor invented key ids can
hold up clients whose key is known.

Source: https://firebase.google.com/docs/app-check/custom-resource-backend
("Verify App Check tokens from a custom backend").
"""

import logging
import math
import re
import threading
import time
import uuid
import weakref
from typing import Any, cast

import firebase_admin
import jwt
from firebase_admin import app_check, credentials
from firebase_admin.exceptions import FirebaseError, InvalidArgumentError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from colorize_service.server.settings import APP_CHECK_JWKS_URL

HEADER = "X-Firebase-AppCheck"
MAX_TOKEN_LENGTH = 8192  # characters; Firebase's tokens have about 1000
CONSUME_RETRY_AFTER = 5  # seconds
FIRST_RETRY = 1.0  # seconds to the next fetch after a first failure; doubles with each further one

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_CHECKS_WITHOUT_KEY: Any = {
    "verify_signature": False,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_sub"), True),
    "require": ["aud", "exp", "iss", "sub"],
}
_INVALID = "The App Check token is not valid for this service."

log = logging.getLogger(__name__)


class TokenRejected(Exception):
    """The token does not prove anything: the client's fault. ``str()`` is a sentence for a person, never the token."""


class KeysUnavailable(Exception):
    """The key that the token names is not known and cannot be fetched now: ours. ``retry_after`` is in seconds."""

    def __init__(self, retry_after: int):
        super().__init__("App Check tokens cannot be verified at the moment; please try again soon.")
        self.retry_after = retry_after


class NoServiceAccount(Exception):
    """There are no credentials to ask Firebase with whether a token has been used."""


class AppCheckVerifier:
    """Verifies App Check tokens of one Firebase project; safe to share between threads.

    project_id: the Firebase project's id (not its number).
    jwks_url: where the public keys are, http or https; by default Firebase's own address.
    lifespan: seconds after which fetched keys are fetched again, in the background. Until that succeeds the old ones
        hold, so that an outage of the key server is not one of ours.
    cooldown: least seconds between two fetches, whatever key ids clients send; a new key may stay unknown for as long.
        After a failure the next fetch may come earlier: after 1 s, 2 s, 4 s… up to this.
    fetch_timeout: seconds that the key server may be silent.
    patience: seconds that a client with an unknown key waits for a fetch. A client with a known key never waits.
    consume: whether tokens can be spent. Then Google's application default credentials must name a service account;
        without it none is needed.

    Raises ValueError without a project id, jwt.PyJWKClientError for a URL that is not http(s), and NoServiceAccount. No
    request is made before the first token comes.
    """

    def __init__(
        self,
        project_id: str,
        jwks_url: str | None = None,
        *,
        lifespan: float = 6 * 3600,
        cooldown: float = 30.0,
        fetch_timeout: float = 5.0,
        patience: float = 2.0,
        consume: bool = False,
    ):
        if not project_id or not project_id.strip():
            raise ValueError("App Check needs the id of the Firebase project.")
        self._audience = f"projects/{project_id}"
        keys = _KeyRing(jwks_url or APP_CHECK_JWKS_URL, lifespan, cooldown, fetch_timeout, patience)
        self._consume = consume
        # firebase-admin wants a credential although verifying needs none, and a name of its own for each app.
        self._app = firebase_admin.initialize_app(
            credentials.ApplicationDefault() if consume else AnonymousCredentials(),  # type: ignore[no-untyped-call]
            {"projectId": project_id, "httpTimeout": fetch_timeout},
            name=f"app-check-{uuid.uuid4()}",
        )
        weakref.finalize(self, firebase_admin.delete_app, self._app)
        try:
            _use_keys(self._app, keys)
        except DefaultCredentialsError as error:
            raise NoServiceAccount(str(error)) from error

    def verify(self, token: str | None, *, spend: bool = False) -> str:
        """The id of the app (the claim ``sub``) that the token, the header's value, was issued to.

        spend: where tokens can be spent, this one is, and counts no second time.

        Raises TokenRejected for a token that is missing, malformed, expired, foreign or spent, and KeysUnavailable when
        that cannot be told because its key is neither known nor to be had, or Firebase does not say.
        """
        if not token:
            raise TokenRejected(f"The header {HEADER} is missing or empty.")
        # What is parsed here comes from the client: whatever goes wrong in it is a bad token. The messages may quote
        # the token, so nothing of them goes on.
        try:
            self._reject_without_key(token)
            claims = app_check.verify_token(token, app=self._app, consume=spend and self._consume)
            if claims.get("already_consumed"):
                raise TokenRejected("The App Check token has been used; please get a new one for each request.")
            return cast(str, claims["sub"])
        except (TokenRejected, KeysUnavailable):
            raise
        except InvalidArgumentError:
            raise TokenRejected(_INVALID) from None
        except (FirebaseError, GoogleAuthError) as error:
            log.warning("Firebase does not say whether an App Check token has been used: %s", type(error).__name__)
            raise KeysUnavailable(CONSUME_RETRY_AFTER) from None
        except jwt.ExpiredSignatureError:
            raise TokenRejected("The App Check token has expired; please get a new one.") from None
        except Exception as error:
            if not isinstance(error, (ValueError, jwt.PyJWTError)):
                log.warning("Verifying an App Check token failed in an unusual way: %s", type(error).__name__)
            raise TokenRejected(_INVALID) from None

    def _reject_without_key(self, token: str) -> None:
        """Raises for what no key could make valid, so that it costs no fetch and is no 503 during an outage."""
        if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH or not _JWT.fullmatch(token):
            raise TokenRejected(_INVALID)
        parts = jwt.decode_complete(token, options=_CHECKS_WITHOUT_KEY, audience=self._audience)
        header, claims = parts["header"], parts["payload"]
        if header.get("alg") != "RS256" or header.get("typ") != "JWT" or not header.get("kid"):
            raise TokenRejected(_INVALID)
        # PyJWT and firebase-admin would take an exp of "1900000000" and an empty sub.
        if type(claims["exp"]) not in (int, float) or not claims["sub"]:
            raise TokenRejected(_INVALID)


def _use_keys(app: firebase_admin.App, keys: "_KeyRing") -> None:
    """Let firebase-admin take its keys from here. The one place that knows private names of it.

    Its own client blocks every thread during a fetch and forgets its keys, and no public way leads to it.

    Raises:
        RuntimeError: if the names are not there any more, so that ours would stay unused without a word.
    """
    service: Any = getattr(app_check, "_get_app_check_service", lambda _: None)(app)
    if not isinstance(getattr(service, "_jwks_client", None), jwt.PyJWKClient):
        raise RuntimeError("This release of firebase-admin fetches keys in a way that this service does not know.")
    service._jwks_client = keys


class _KeyRing:
    """The key server's public keys, in the place of firebase-admin's PyJWKClient.

    One thread at a time fetches, in the background; the lock is held for bookkeeping only, never during a request.
    """

    def __init__(self, url: str, lifespan: float, cooldown: float, fetch_timeout: float, patience: float):
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=fetch_timeout)
        self._lifespan, self._cooldown, self._patience = lifespan, cooldown, patience
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetching: threading.Event | None = None  # set when the fetch under way has ended
        self._failed = False  # the last fetch
        self._retry = FIRST_RETRY
        self._stale_at = self._next_fetch_at = 0.0  # on the monotonic clock

    def get_signing_key_from_jwt(self, token: str) -> jwt.PyJWK:
        """The key that the token names; raises TokenRejected if there is none, KeysUnavailable if one cannot tell."""
        kid = jwt.get_unverified_header(token)["kid"]
        if kid in self._keys:
            if time.monotonic() >= self._stale_at:
                self._start_fetch()
        else:
            fetch = self._start_fetch()
            if fetch is not None and not fetch.wait(self._patience):
                raise self._unavailable()
        key = self._keys.get(kid)
        if key is not None:
            return key
        if self._failed:
            raise self._unavailable()
        raise TokenRejected("The App Check token is signed with a key that Firebase does not list.")

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(max(1, math.ceil(self._next_fetch_at - time.monotonic())))

    def _start_fetch(self) -> threading.Event | None:
        """Starts a fetch unless one is under way or it is too early; what to wait for, or None."""
        with self._lock:
            if self._fetching is None and time.monotonic() >= self._next_fetch_at:
                done = threading.Event()
                try:
                    threading.Thread(target=self._fetch, args=(done,), name="app-check-keys", daemon=True).start()
                except RuntimeError:  # no more threads to be had: not the token's fault
                    log.warning("No thread can be started to fetch the App Check keys.")
                    self._failed = True
                    return None
                self._fetching = done
            return self._fetching

    def _fetch(self, done: threading.Event) -> None:
        keys: dict[str, jwt.PyJWK] = {}
        try:
            keys = {key.key_id: key for key in self._client.get_signing_keys() if key.key_id}
        except Exception as error:  # whatever a broken key server answers, the keys we have stay
            log.warning("The App Check keys cannot be fetched from %s: %s", self._client.uri, error)
        now = time.monotonic()
        with self._lock:
            self._failed = not keys
            if keys:
                self._keys, self._stale_at = keys, now + self._lifespan
                self._retry, pause = FIRST_RETRY, self._cooldown
            else:
                pause = min(self._retry, self._cooldown)
                self._retry = min(2 * self._retry, self._cooldown)
            self._next_fetch_at = now + pause
            self._fetching = None
        done.set()
