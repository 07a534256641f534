"""App Check tokens: who is served and who is refused."""

import contextlib
import hashlib
import hmac
import json
import logging
import os
import subprocess
import sys
import time
import traceback

import firebase_admin
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorize_service.server.app_check import AppCheckVerifier, KeysUnavailable, TokenRejected
from tests.support.key_server import APP_ID, PROJECT, KeyServer, accepts, base64url, public_pem
from tests.support.service import wait_until


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
        [sys.executable, "-c", code, server.url, server.token()],
        env=clean,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
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


def test_discarded_verifiers_leave_nothing_behind(server, monkeypatch):
    made, initialize = [], firebase_admin.initialize_app
    monkeypatch.setattr(
        firebase_admin,
        "initialize_app",
        lambda *args, name, **more: made.append(name) or initialize(*args, name, **more),
    )
    for _ in range(5):
        AppCheckVerifier(PROJECT, server.url)
    assert len(set(made)) == 5
    for name in made:
        with pytest.raises(ValueError, match="does not exist"):
            firebase_admin.get_app(name)


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
    wait_until(lambda: not accepts(warm, token), 3)


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
    with contextlib.suppress(TokenRejected):
        assert isinstance(verifier.verify(token), str)
