"""A key server on loopback, in the place of Firebase's: real keys, real signatures, and the ways in which it may fail.

with KeyServer() as server:
    AppCheckVerifier("demo-project", server.url).verify(server.token())
"""

import base64
import functools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

from colorize_service.server.app_check import AppCheckVerifier, KeysUnavailable, TokenRejected

PROJECT = "demo-project"
APP_ID = "1:123456789012:web:0123456789abcdef"


def accepts(verifier: AppCheckVerifier, token: str | None) -> bool:
    """Whether the verifier takes the token."""
    try:
        return verifier.verify(token) == APP_ID
    except (TokenRejected, KeysUnavailable):
        return False


@functools.cache  # a key takes a tenth of a second to make; servers may share them
def private_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(number: int) -> bytes:
    """The public half of a key, in PEM: what an attacker can have."""
    return (
        private_key(number)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class KeyServer:
    """Serves the public keys at ``url`` inside ``with``; counts ``requests``; signs tokens with the newest key.

    ``mode`` is how it answers: "up", "hanging" (accepts and says nothing), "error" (500), "not json", "list" (JSON, but
    no key set), "no keys", "half" (hangs up in the middle), "redirect". ``down()`` closes the port, ``up()`` opens the
    same one again, ``rotate()`` replaces the key.
    """

    def __init__(self):
        self.mode = "up"
        self.requests = 0
        self.delay = 0.0  # seconds before each answer
        self.number = 0  # of the key in use
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._port = 0
        self._http = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *exc):
        self._released.set()
        self.down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1/jwks"

    @property
    def kid(self) -> str:
        return f"key-{self.number}"

    def up(self) -> None:
        if self._http is None:
            handler = type("Handler", (_Handler,), {"keys": self})
            self._http = _Server(("127.0.0.1", self._port), handler)
            self._port = self._http.server_address[1]
            threading.Thread(target=self._http.serve_forever, args=(0.005,), daemon=True).start()
        self.mode = "up"

    def down(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def release(self) -> None:
        """Lets the requests go that hang, and answers as if up from here on."""
        self.mode = "up"
        self._released.set()

    def rotate(self) -> str:
        """Replaces the key with a new one; the new key's id."""
        self.number += 1
        return self.kid

    def claims(self, **overrides) -> dict:
        """The claims of a valid token for ``PROJECT``; an override of None removes the claim."""
        now = int(time.time())
        claims = {
            "iss": "https://firebaseappcheck.googleapis.com/123456789012",
            "aud": ["projects/123456789012", f"projects/{PROJECT}"],
            "sub": APP_ID,
            "iat": now - 10,
            "exp": now + 3600,
        }
        return {name: value for name, value in {**claims, **overrides}.items() if value is not None}

    def token(self, **overrides) -> str:
        """A valid token but for the claims in overrides, signed with the key in use."""
        return self.sign(self.claims(**overrides))

    def sign(self, claims, *, kid: str | None = None, number: int | None = None, **header) -> str:
        """Signs any claims, dict or raw bytes. number: with which key. header: fields to replace, None to remove."""
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        key = private_key(self.number if number is None else number)
        fields = {"alg": "RS256", "typ": "JWT", "kid": self.kid if kid is None else kid, **header}
        head = json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
        signed = f"{base64url(head)}.{base64url(payload)}"
        return f"{signed}.{base64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the answer to one request, in the current mode."""
        with self._lock:
            self.requests += 1
        if self.mode == "hanging":
            self._released.wait(30)
        time.sleep(self.delay)
        jwk = RSAAlgorithm.to_jwk(private_key(self.number).public_key(), as_dict=True)
        good = json.dumps({"keys": [{**jwk, "kid": self.kid, "use": "sig", "alg": "RS256"}]}).encode()
        return {
            "error": (500, b"{}"),
            "not json": (200, b"<html>Sign in to the hotel's network</html>"),
            "list": (200, b"[]"),
            "no keys": (200, b'{"keys": []}'),
            "redirect": (302, b""),
        }.get(self.mode, (200, good))


class _Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    keys: KeyServer

    def do_GET(self):
        status, body = self.keys.answer()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) * (2 if self.keys.mode == "half" else 1)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client has given up waiting

    def log_message(self, *args):
        pass
