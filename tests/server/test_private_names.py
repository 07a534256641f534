"""Names of other packages that are not their public interface: if one goes, these tests fail, and a service that would
go on without what it needs it for does not start. Each is used in one place."""

import inspect
import socket

import pytest
from firebase_admin import app_check
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create
from gunicorn.workers import base, gthread

from colorize_service.server import gunicorn_request
from colorize_service.server.app_check import AppCheckVerifier
from tests.support.key_server import PROJECT

LIMITS = gunicorn_request.HeaderLimits(fields=100, field_bytes=16_384, bytes=65_536)


def test_firebase_admin_takes_its_keys_from_the_service(keys):
    verifier = AppCheckVerifier(PROJECT, keys.url)
    used = app_check._get_app_check_service(verifier._app)._jwks_client
    assert type(used).__module__ == "colorize_service.server.app_check"
    assert "self._jwks_client.get_signing_key_from_jwt(" in inspect.getsource(app_check)


def test_a_firebase_admin_that_fetches_keys_otherwise_stops_the_start(keys, monkeypatch):
    monkeypatch.delattr(app_check, "_get_app_check_service")
    with pytest.raises(RuntimeError, match="firebase-admin"):
        AppCheckVerifier(PROJECT, keys.url)


def test_gunicorn_has_what_the_worker_uses():
    worker = inspect.getsource(gthread.ThreadWorker)
    calls = ("accept", "on_client_socket_readable", "on_pending_socket_readable", "finish_request")
    assert all("self.enqueue_req(conn)" in inspect.getsource(getattr(gthread.ThreadWorker, name)) for name in calls)
    assert "self.pending_conns[0]" in worker and "self.murder_keepalived()" in worker
    assert "self._cap_keepalive(" in worker and "self.get_thread_pool()" in worker
    assert "util.write_error(" in inspect.getsource(base)
    assert "len(data) > self.max_buffer_headers" in inspect.getsource(Request)
    assert "self.mesg_class(" in inspect.getsource(RequestParser.__next__)
    assert "if req._expected_100_continue:" in inspect.getsource(create)
    assert list(inspect.signature(util.write_nonblock).parameters)[:2] == ["sock", "data"]
    assert list(inspect.signature(util.close_graceful).parameters)[:1] == ["sock"]
    here, there = socket.socketpair()
    with here, there:
        connection = gthread.TConn(Config(), here, "", "")
        assert (connection.initialized, connection.data_ready, connection.sock) == (False, False, here)
        assert not connection.wait_for_data(0)
        there.send(b"G")
        assert connection.wait_for_data(0)


def test_a_gunicorn_that_writes_errors_otherwise_stops_the_start(monkeypatch):
    monkeypatch.delattr(util, "write_error")
    with pytest.raises(RuntimeError, match="Gunicorn"):
        gunicorn_request.prepare(LIMITS)


def test_importing_the_worker_changes_nothing_in_gunicorn_until_it_is_prepared(monkeypatch):
    monkeypatch.setattr(util, "write_error", util.write_error)  # so that it is as before at the end
    monkeypatch.setattr(RequestParser, "mesg_class", RequestParser.mesg_class)
    assert util.write_error.__module__ == "gunicorn.util"
    gunicorn_request.prepare(LIMITS)
    here, there = socket.socketpair()
    with here, there:
        util.write_error(here, 414, "Too long", "The address is too long.")
        assert there.recv(1000).endswith(b'{"detail": "The address is too long."}')
