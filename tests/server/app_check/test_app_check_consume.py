"""APP_CHECK_CONSUME: a token that somebody has taken from a client is good for nothing more.

Firebase's part is a server on loopback that speaks its protocol: OAuth with a service account's signed assertion, then
verifyAppCheckToken.
"""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from firebase_admin import app_check
from PIL import Image

from colorize_service.server.app import create_app
from colorize_service.server.app_check import HEADER, AppCheckVerifier, KeysUnavailable, TokenRejected
from colorize_service.server.settings import Settings, SettingsError
from tests.conftest import encode
from tests.support.key_server import APP_ID, PROJECT, private_key, public_pem

ACCOUNT = "colorize@demo-project.iam.gserviceaccount.com"
ACCOUNTS_KEY = 7


class _Handler(BaseHTTPRequestHandler):
    firebase: "Firebase"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.firebase.answer(self.path, self.headers.get("Authorization"), body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Firebase:
    """Remembers the tokens that it was asked about; ``refusal`` is what it answers instead, if anything."""

    def __init__(self):
        self.spent: list[str] = []
        self.refusal: tuple[int, dict] | None = None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"firebase": self}))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.005,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, authorization: str | None, body: bytes) -> tuple[int, dict]:
        if path == "/token":
            assertion = parse_qs(body.decode())["assertion"][0]
            claims = jwt.decode(
                assertion, public_pem(ACCOUNTS_KEY), ["RS256"], audience="https://oauth2.googleapis.com/token"
            )
            assert claims["iss"] == ACCOUNT
            return 200, {"access_token": "opened", "expires_in": 3600, "token_type": "Bearer"}
        if authorization != "Bearer opened" or path != f"/v1beta/projects/{PROJECT}:verifyAppCheckToken":
            return 403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}
        if self.refusal:
            return self.refusal
        token = json.loads(body)["app_check_token"]
        again = token in self.spent
        self.spent.append(token)
        return 200, {"alreadyConsumed": True} if again else {}


@pytest.fixture
def firebase(monkeypatch, tmp_path):
    firebase = Firebase()
    key = private_key(ACCOUNTS_KEY).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "project_id": PROJECT, "private_key": key.decode(), "client_email": ACCOUNT}
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account | {"token_uri": f"{firebase.url}/token"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setattr(
        app_check._AppCheckService,
        "_VERIFY_URL_FORMAT",
        firebase.url + "/v1beta/projects/{project_id}:verifyAppCheckToken",
    )
    yield firebase
    firebase.stop()


@pytest.fixture
def spender(server, firebase):
    return AppCheckVerifier(PROJECT, server.url, consume=True, fetch_timeout=0.5)


def test_a_token_is_good_for_one_photo(server, spender):
    token = server.token()
    assert spender.verify(token, spend=True) == APP_ID
    with pytest.raises(TokenRejected, match="has been used"):
        spender.verify(token, spend=True)
    assert spender.verify(server.token(jti="another"), spend=True) == APP_ID


def test_a_token_that_is_not_valid_costs_no_call(server, spender, firebase):
    forged = server.sign(server.claims(), number=99)
    for token in (server.token(exp=1), server.token(aud=["projects/other"]), forged, "x"):
        with pytest.raises(TokenRejected):
            spender.verify(token, spend=True)
    assert not firebase.spent


def test_a_token_that_firebase_does_not_know_is_refused(server, spender, firebase):
    firebase.refusal = 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "App attestation failed."}}
    with pytest.raises(TokenRejected):
        spender.verify(server.token(), spend=True)


@pytest.mark.parametrize("status", [403, 429])
def test_where_firebase_does_not_say_nobody_gets_in_and_it_is_503(server, spender, firebase, status, caplog):
    firebase.refusal = status, {"error": {"code": status, "message": "no"}}
    token = server.token()
    with pytest.raises(KeysUnavailable) as refusal:
        spender.verify(token, spend=True)
    assert refusal.value.retry_after > 0
    assert "has been used" in caplog.text and token not in caplog.text


def test_where_firebase_cannot_be_reached_nobody_gets_in(server, spender, firebase):
    firebase.stop()
    with pytest.raises(KeysUnavailable):
        spender.verify(server.token(), spend=True)


def test_by_default_a_token_is_good_until_it_expires_and_nobody_is_asked(server, verifier, firebase):
    token = server.token()
    assert verifier.verify(token, spend=True) == verifier.verify(token, spend=True) == APP_ID
    assert not firebase.spent


def test_posting_a_photo_spends_the_token_and_downloading_does_not(server, firebase, tmp_path):
    settings = {"firebase_project_id": PROJECT, "app_check_jwks_url": server.url, "app_check_consume": True}
    client = create_app(Settings(storage_dir=tmp_path / "storage", **settings)).test_client()
    token, photo = {HEADER: server.token()}, encode(Image.new("L", (4, 4)), "PNG")

    def status(method: str, path: str) -> int:
        data = {"file": (io.BytesIO(photo), "photo.png")} if method == "POST" else None
        return client.open(path, method=method, data=data, headers=token).status_code

    unknown = "/download/00000000-0000-4000-8000-000000000000"
    assert status("GET", unknown) == status("HEAD", unknown) == 404
    assert not firebase.spent
    assert [status("POST", "/upload"), status("POST", "/upload"), status("POST", "/colorize")] == [200, 401, 401]


def test_without_a_service_account_the_start_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(SettingsError, match="GOOGLE_APPLICATION_CREDENTIALS names its file"):
        create_app(Settings(firebase_project_id=PROJECT, app_check_consume=True, storage_dir=tmp_path))
