"""App Check in front of a view: judged before the body is read."""

import io
from types import SimpleNamespace

import pytest
from flask import Flask, request

from colorize_service.server.api.tokens import app_check_required
from colorize_service.server.app_check import HEADER, AppCheckVerifier
from colorize_service.server.parts import install
from tests.support.key_server import PROJECT


class NoBody(io.RawIOBase):
    """A request body that nobody may read."""

    def readinto(self, buffer):
        raise AssertionError("the body was read before the token was judged")


def make_app(server, **overrides):
    app = Flask("test")
    values = {"app_check": True, "firebase_project_id": PROJECT, "app_check_jwks_url": server.url, **overrides}
    verifier = AppCheckVerifier(values["firebase_project_id"], server.url) if values["app_check"] else None
    install(app, SimpleNamespace(app_check=verifier, rates=None))

    @app.post("/photo")
    @app_check_required
    def photo():
        return {"size": len(request.get_data())}

    return app


def test_request_with_a_valid_token_reaches_the_view_with_its_body(server):
    answer = make_app(server).test_client().post("/photo", data=b"12345", headers={HEADER: server.token()})
    assert answer.get_json() == {"size": 5}


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "é"}, {HEADER: "a" * 100_000}])
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
    answer = make_app(server).test_client().post("/photo", headers={HEADER: server.token()})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_everything_passes_when_app_check_is_off(server):
    app = make_app(server, app_check=False, firebase_project_id=None)
    assert app.test_client().post("/photo", data=b"1").status_code == 200


def test_several_services_live_in_one_process(server):
    apps = [make_app(server), make_app(server), make_app(server, firebase_project_id="another")]
    headers = {HEADER: server.token()}
    assert [app.test_client().post("/photo", headers=headers).status_code for app in apps] == [200, 200, 401]


def test_start_without_a_project_is_refused(server):
    with pytest.raises(ValueError, match="project"):
        make_app(server, firebase_project_id=None)
