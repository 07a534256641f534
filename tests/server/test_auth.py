"""App Check: who is served, who is refused, and what a failing key server may and may not do. Nothing is replaced: the
key server answers over HTTP and the tokens are signed."""

import hashlib
import hmac
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import firebase_admin
import jwt
import pytest
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st

from colorize_service.server import app_check as auth
from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.app_check import AppCheckVerifier, KeysUnavailable, TokenRejected
from colorize_service.server.parts import install
from tests.support.key_server import APP_ID, PROJECT, KeyServer, base64url, public_pem

FAST = {"cooldown": 0.1, "fetch_timeout": 0.4, "patience": 1.0}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with KeyServer() as server:
        yield server


@pytest.fixture
def verifier(server):
    return AppCheckVerifier(PROJECT, server.url, **FAST)


@pytest.fixture
def warm(server, verifier):
    """A verifier that has the server's key."""
    assert verifier.verify(server.token()) == APP_ID
    return verifier


def eventually(check, seconds=3.0):
    """Waits until check() is true; what runs in the background has no other end to wait for."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


def accepts(verifier, token):
    try:
        return verifier.verify(token) == APP_ID
    except (TokenRejected, KeysUnavailable):
        return False


# --- Who is served ---------------------------------------------------------------------------------------------------


def test_client_with_a_valid_token_is_served(server, verifier):
    assert verifier.verify(server.token()) == APP_ID
    assert verifier.verify(server.token(sub="1:1:ios:2")) == "1:1:ios:2"
    assert server.requests == 1


def test_claims_and_headers_that_we_do_not_know_do_not_shut_a_client_out(server, verifier):
    assert verifier.verify(server.sign(server.claims(jti="x", provider="debug"), x="ü\ud800")) == APP_ID


def test_host_without_a_service_account_can_verify(server):
    code = (
        "import sys; from colorize_service.server.app_check import AppCheckVerifier;"
        f"print(AppCheckVerifier({PROJECT!r}, sys.argv[1]).verify(sys.argv[2]))"
    )
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GOOGLE_", "GCLOUD_", "FIREBASE_", "CLOUDSDK_"))
    }
    clean |= {"HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path), "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", code, server.url, server.token()], env=clean, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == APP_ID, done.stderr


def test_other_firebase_apps_in_the_process_are_left_alone(server):
    default = firebase_admin.initialize_app(options={"projectId": "the-host's-own"})
    try:
        first, second = (AppCheckVerifier(PROJECT, server.url), AppCheckVerifier("another", server.url))
        assert firebase_admin.get_app() is default
        assert accepts(first, server.token()) and not accepts(second, server.token())
        assert accepts(second, server.token(aud=["projects/another"]))
    finally:
        firebase_admin.delete_app(default)


def test_discarded_verifiers_leave_nothing_behind(server):
    before = len(firebase_admin._apps)
    for _ in range(5):
        AppCheckVerifier(PROJECT, server.url)
    assert len(firebase_admin._apps) == before


@pytest.mark.parametrize("project", [None, "", "  "])
def test_missing_project_is_told_at_start_and_not_to_clients(project, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-somewhere-else")
    with pytest.raises(ValueError, match="project"):
        AppCheckVerifier(project)


def test_key_url_that_is_no_http_is_told_at_start():
    with pytest.raises(jwt.PyJWKClientError):
        AppCheckVerifier(PROJECT, "file:///etc/passwd")


# --- Who is refused --------------------------------------------------------------------------------------------------


def unsigned(header: dict, claims: dict, signature: str = "AAAA") -> str:
    return ".".join([base64url(json.dumps(header).encode()), base64url(json.dumps(claims).encode()), signature])


def hs256_with_the_public_key(server: KeyServer) -> str:
    signed = unsigned({"alg": "HS256", "typ": "JWT", "kid": server.kid}, server.claims(), "").rstrip(".")
    mac = hmac.new(public_pem(server.number), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64url(mac)}"


# No key could make these valid: refused without asking the key server.
HOPELESS = {
    "none at all": lambda s: None,
    "empty": lambda s: "",
    "a space": lambda s: " ",
    "a word": lambda s: "token",
    "two parts": lambda s: s.token().rpartition(".")[0],
    "four parts": lambda s: s.token() + ".AAAA",
    "empty parts": lambda s: "..",
    "no signature": lambda s: s.token().rpartition(".")[0] + ".",
    "a newline after it": lambda s: s.token() + "\n",
    "two headers, joined": lambda s: f"{s.token()},{s.token()}",
    "Bearer in front": lambda s: f"Bearer {s.token()}",
    "base64 padding": lambda s: s.token() + "==",
    "not base64": lambda s: "!!!!.????.####",
    "not ASCII": lambda s: "é" + s.token(),
    "digits of another script": lambda s: s.token() + "٣",
    "lone surrogate": lambda s: "\ud800." + s.token(),
    "NUL": lambda s: s.token() + "\0",
    "bytes": lambda s: s.token().encode(),
    "100 kB of nothing": lambda s: "a" * 100_000,
    "100 kB, signed": lambda s: s.token(padding="x" * 75_000),
    "header cut": lambda s: s.token()[4:],
    "header no JSON": lambda s: "AAAA." + s.token().partition(".")[2],
    "header a list": lambda s: base64url(b"[]") + "." + s.token().partition(".")[2],
    "header nested deeply": lambda s: base64url(b"[" * 3000) + "." + s.token().partition(".")[2],
    "header a huge number": lambda s: base64url(b'{"a":' + b"9" * 5000 + b"}") + ".e30.AAAA",
    "alg none": lambda s: unsigned({"alg": "none", "typ": "JWT", "kid": s.kid}, s.claims()),
    "alg none, no signature": lambda s: unsigned({"alg": "none", "typ": "JWT", "kid": s.kid}, s.claims(), ""),
    "alg HS256 with the public key": hs256_with_the_public_key,
    "alg missing": lambda s: s.sign(s.claims(), alg=None),
    "alg a list": lambda s: s.sign(s.claims(), alg=["RS256"]),
    "alg twice": lambda s: base64url(b'{"alg":"RS256","typ":"JWT","kid":"key-0","alg":"none"}') + ".e30.AAAA",
    "alg in lower case": lambda s: s.sign(s.claims(), alg="rs256"),
    "typ missing": lambda s: s.sign(s.claims(), typ=None),
    "typ other": lambda s: s.sign(s.claims(), typ="at+jwt"),
    "kid missing": lambda s: unsigned({"alg": "RS256", "typ": "JWT"}, s.claims()),
    "kid empty": lambda s: s.sign(s.claims(), kid=""),
    "kid a number": lambda s: s.sign(s.claims(), kid=1),
    "kid a list": lambda s: s.sign(s.claims(), kid=[s.kid]),
    "crit unknown": lambda s: s.sign(s.claims(), crit=["x"], x=1),
    "b64 false": lambda s: s.sign(s.claims(), crit=["b64"], b64=False),
    "payload a list": lambda s: s.sign(b"[]"),
    "payload null": lambda s: s.sign(b"null"),
    "payload no JSON": lambda s: s.sign(b"\xff\xfe{}"),
    "payload nested deeply": lambda s: s.sign(b'{"a":' * 900),
    "expired": lambda s: s.token(exp=int(time.time()) - 1),
    "exp missing": lambda s: s.token(exp=None),
    "exp null": lambda s: s.sign({**s.claims(), "exp": None}),
    "exp a word": lambda s: s.token(exp="never"),
    "exp digits in a string": lambda s: s.token(exp="9999999999"),
    "exp true": lambda s: s.token(exp=True),
    "exp a list": lambda s: s.token(exp=[9999999999]),
    "exp not a number": lambda s: s.token(exp=float("nan")),
    "exp infinite": lambda s: s.token(exp=float("inf")),
    "exp negative": lambda s: s.token(exp=-1),
    "iat in the future": lambda s: s.token(iat=int(time.time()) + 600),
    "iat a word": lambda s: s.token(iat="now"),
    "nbf in the future": lambda s: s.token(nbf=int(time.time()) + 600),
    "nbf a word": lambda s: s.token(nbf="now"),
    "iss missing": lambda s: s.token(iss=None),
    "aud missing": lambda s: s.token(aud=None),
    "aud of another project": lambda s: s.token(aud=["projects/999", "projects/other"]),
    "aud without its prefix": lambda s: s.token(aud=[PROJECT]),
    "aud of a longer name": lambda s: s.token(aud=[f"projects/{PROJECT}-2"]),
    "aud empty": lambda s: s.token(aud=[]),
    "aud an object": lambda s: s.token(aud={f"projects/{PROJECT}": 1}),
    "aud of numbers": lambda s: s.token(aud=[1, f"projects/{PROJECT}"]),
    "sub missing": lambda s: s.token(sub=None),
    "sub empty": lambda s: s.token(sub=""),
    "sub a number": lambda s: s.token(sub=7),
    "sub a list": lambda s: s.token(sub=[APP_ID]),
}

# Well-formed: only the key, or what firebase-admin checks with it, tells that they are no good.
FOREIGN = {
    "signed with another key": lambda s: s.sign(s.claims(), number=s.number + 1),
    "signed with a key not listed": lambda s: s.sign(s.claims(), number=s.number + 1, kid="key-of-mallory"),
    "kid of odd characters": lambda s: s.sign(s.claims(), kid="\ud800\0é\n"),
    "payload exchanged": lambda s: ".".join(
        [s.token().split(".")[0], s.token(sub="1:1:web:mallory").split(".")[1], s.token().split(".")[2]]
    ),
    "signature cut": lambda s: s.token()[:-8],
    "signature of nothing": lambda s: s.token().rpartition(".")[0] + ".AAAA",
    "iss other": lambda s: s.token(iss="https://securetoken.google.com/demo-project"),
    "iss a look-alike": lambda s: s.token(iss="https://firebaseappcheck.googleapis.com.example.org/1"),
    "iss empty": lambda s: s.token(iss=""),
    "iss a number": lambda s: s.token(iss=123),
    "iss a list": lambda s: s.token(iss=["https://firebaseappcheck.googleapis.com/1"]),
    "iss an object": lambda s: s.token(iss={"a": 1}),
    "aud a string": lambda s: s.token(aud=f"projects/{PROJECT}"),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_token_that_cannot_be_valid_is_refused_without_a_fetch_and_so_in_an_outage_too(server, verifier, name):
    with pytest.raises(TokenRejected) as refusal:
        verifier.verify(HOPELESS[name](server))
    assert server.requests == 0
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("name", FOREIGN)
def test_forged_or_foreign_token_opens_nothing(server, verifier, name):
    with pytest.raises(TokenRejected):
        verifier.verify(FOREIGN[name](server))
    assert server.requests <= 1
    assert verifier.verify(server.token()) == APP_ID


def test_client_learns_that_its_token_is_missing_or_has_expired(server, verifier):
    with pytest.raises(TokenRejected, match="X-Firebase-AppCheck"):
        verifier.verify(None)
    with pytest.raises(TokenRejected, match="expired"):
        verifier.verify(server.token(exp=int(time.time()) - 1))


def test_token_expires_while_its_key_is_known(server, warm):
    token = server.token(exp=int(time.time()) + 1)
    assert warm.verify(token) == APP_ID
    eventually(lambda: not accepts(warm, token))


def test_token_appears_in_no_log_and_no_error(server, verifier, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [make(server) for make in (*HOPELESS.values(), *FOREIGN.values(), KeyServer.token)]
    server.mode = "error"
    tokens.append(server.sign(server.claims(), kid="not-known"))
    said = ""
    for token in tokens:
        try:
            verifier.verify(token)
        except (TokenRejected, KeysUnavailable):
            said += traceback.format_exc()
    said += caplog.text
    assert "cannot be fetched" in said
    for token in tokens:
        for part in (token if isinstance(token, str) else "").split("."):
            assert len(part) < 12 or part not in said
    assert "not-known" not in said and "mallory" not in said


TEXT = st.one_of(
    st.text(),
    st.lists(st.text("ABab019_-=", max_size=12), max_size=4).map(".".join),
    st.lists(st.binary(max_size=20).map(base64url), min_size=3, max_size=3).map(".".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELD = st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "jti"])
PROPERTY = settings(max_examples=100, deadline=None, database=None)


@pytest.fixture(scope="module")
def known():
    """A server and a verifier that has its key, for many examples."""
    with KeyServer() as server:
        verifier = AppCheckVerifier(PROJECT, server.url)
        verifier.verify(server.token())
        yield server, verifier


@PROPERTY
@given(token=TEXT)
def test_no_text_whatever_breaks_the_verification(known, token):
    with pytest.raises(TokenRejected):
        known[1].verify(token)


@PROPERTY
@given(
    claims=st.dictionaries(FIELD, JSON),
    header=st.dictionaries(st.sampled_from(["alg", "typ", "crit", "b64"]), JSON),
)
def test_no_signed_claims_whatever_break_the_verification(known, claims, header):
    server, verifier = known
    token = server.sign({**server.claims(), **claims}, **header)
    try:
        assert isinstance(verifier.verify(token), str)
    except TokenRejected:
        pass


# --- The key server --------------------------------------------------------------------------------------------------

OUTAGES = ["down", "hanging", "error", "not json", "list", "no keys", "half", "redirect"]


def break_down(server, how):
    if how == "down":
        server.down()
    server.mode = how


@pytest.mark.parametrize("how", OUTAGES)
def test_outage_of_the_key_server_is_not_blamed_on_the_client_and_passes_by_itself(server, verifier, how):
    break_down(server, how)
    for _ in range(2):  # the first one waits for the fetch, the second one comes within the pause after it
        with pytest.raises(KeysUnavailable) as refusal:
            verifier.verify(server.token())
        assert refusal.value.retry_after >= 1
    server.up()
    server.release()
    eventually(lambda: accepts(verifier, server.token()))


@pytest.mark.parametrize("how", OUTAGES)
def test_client_with_a_known_key_is_served_while_the_key_server_is_down(server, how):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.05, cooldown=0.05)
    assert verifier.verify(server.token()) == APP_ID
    break_down(server, how)
    time.sleep(0.1)  # past the lifespan of the keys and past the cooldown
    for _ in range(3):
        start = time.monotonic()
        assert verifier.verify(server.token()) == APP_ID
        assert time.monotonic() - start < 1
        time.sleep(0.02)
    assert how == "down" or server.requests > 1


def test_client_with_a_known_key_does_not_wait_for_another_clients_fetch(server):
    verifier = AppCheckVerifier(PROJECT, server.url, cooldown=0.1, fetch_timeout=3, patience=3)
    verifier.verify(server.token())
    server.mode = "hanging"
    time.sleep(0.15)
    others = [
        threading.Thread(target=accepts, args=(verifier, server.sign(server.claims(), kid=f"unknown-{n}")))
        for n in range(4)
    ]
    for thread in others:
        thread.start()
    eventually(lambda: server.requests == 2)
    start = time.monotonic()
    for _ in range(20):
        assert verifier.verify(server.token()) == APP_ID
    assert time.monotonic() - start < 1.5
    assert all(thread.is_alive() for thread in others)
    server.release()
    for thread in others:
        thread.join()


def test_client_with_an_unknown_key_waits_no_longer_than_its_patience(server):
    verifier = AppCheckVerifier(PROJECT, server.url, fetch_timeout=5, patience=0.2)
    server.mode = "hanging"
    start = time.monotonic()
    with pytest.raises(KeysUnavailable):
        verifier.verify(server.token())
    assert time.monotonic() - start < 1
    server.release()
    eventually(lambda: accepts(verifier, server.token()))
    assert server.requests == 1


def test_clients_at_a_cold_start_share_one_fetch_and_are_all_served(server, verifier):
    server.delay = 0.1
    tokens = [server.token() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(verifier.verify, tokens)) == [APP_ID] * 16
    assert server.requests == 1


def test_invented_key_ids_do_not_become_requests_to_the_key_server(server):
    verifier = AppCheckVerifier(PROJECT, server.url, cooldown=60)
    for n in range(50):
        with pytest.raises(TokenRejected):
            verifier.verify(server.sign(server.claims(), kid=f"invented-{n}"))
    assert server.requests == 1


def test_invented_key_ids_do_not_hammer_a_key_server_that_fails(server):
    verifier = AppCheckVerifier(PROJECT, server.url, cooldown=60)
    server.mode = "error"
    for n in range(50):
        with pytest.raises(KeysUnavailable):
            verifier.verify(server.sign(server.claims(), kid=f"invented-{n}"))
    assert server.requests == 1


def test_pause_between_fetches_grows_during_a_long_outage(server, monkeypatch):
    monkeypatch.setattr(auth, "FIRST_RETRY", 0.05)
    verifier = AppCheckVerifier(PROJECT, server.url, cooldown=60)
    server.mode = "error"
    token, end = server.token(), time.monotonic() + 0.6
    while time.monotonic() < end:
        accepts(verifier, token)
        time.sleep(0.005)
    assert 2 <= server.requests <= 4  # at 0, 0.05, 0.15 and 0.35 s


def test_rotated_key_is_accepted_after_the_cooldown(server, warm):
    server.rotate()
    token = server.token()
    eventually(lambda: accepts(warm, token))
    assert server.requests <= 3


def test_withdrawn_key_opens_nothing_once_the_keys_are_fetched_again(server):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.1, **FAST)
    old = server.token()
    assert verifier.verify(old) == APP_ID
    server.rotate()
    eventually(lambda: not accepts(verifier, old))
    assert verifier.verify(server.token()) == APP_ID


def test_keys_are_fetched_again_after_their_lifespan_without_a_client_waiting(server):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.1, **FAST)
    verifier.verify(server.token())
    server.delay = 1
    time.sleep(0.15)
    start = time.monotonic()
    assert verifier.verify(server.token()) == APP_ID
    assert time.monotonic() - start < 0.5
    eventually(lambda: server.requests == 2)


def test_nothing_is_asked_of_the_key_server_before_a_client_comes(server, verifier):
    time.sleep(0.05)
    assert server.requests == 0


# --- In Flask --------------------------------------------------------------------------------------------------------


class NoBody(io.RawIOBase):
    """A request body that nobody may read."""

    def readinto(self, buffer):
        raise AssertionError("the body was read before the token was judged")


def make_app(server, **overrides):
    app = Flask("test")
    values = {"app_check": True, "firebase_project_id": PROJECT, "app_check_jwks_url": server.url, **overrides}
    verifier = AppCheckVerifier(values["firebase_project_id"], server.url) if values["app_check"] else None
    install(app, SimpleNamespace(app_check=verifier))

    @app.post("/photo")
    @app_check_required
    def photo():
        return {"size": len(request.get_data())}

    return app


def test_request_with_a_valid_token_reaches_the_view_with_its_body(server):
    answer = make_app(server).test_client().post("/photo", data=b"12345", headers={auth.HEADER: server.token()})
    assert answer.get_json() == {"size": 5}


@pytest.mark.parametrize("headers", [{}, {auth.HEADER: ""}, {auth.HEADER: "é"}, {auth.HEADER: "a" * 100_000}])
def test_request_without_a_valid_token_is_401_before_its_body_is_read(server, headers):
    answer = (
        make_app(server)
        .test_client()
        .post(
            "/photo",
            headers=headers,
            content_type="multipart/form-data",
            environ_overrides={"wsgi.input": NoBody(), "CONTENT_LENGTH": "1000"},
        )
    )
    assert answer.status_code == 401


def test_request_during_an_outage_is_503_and_told_when_to_come_back(server):
    server.down()
    answer = make_app(server).test_client().post("/photo", headers={auth.HEADER: server.token()})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_everything_passes_when_app_check_is_off(server):
    app = make_app(server, app_check=False, firebase_project_id=None)
    assert app.test_client().post("/photo", data=b"1").status_code == 200


def test_several_services_live_in_one_process(server):
    apps = [make_app(server), make_app(server), make_app(server, firebase_project_id="another")]
    headers = {auth.HEADER: server.token()}
    assert [app.test_client().post("/photo", headers=headers).status_code for app in apps] == [200, 200, 401]


def test_start_without_a_project_is_refused(server):
    with pytest.raises(ValueError):
        make_app(server, firebase_project_id=None)
