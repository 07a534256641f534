"""Connections that stay open: a balancer's idle ones, more of them than threads, more than a worker may hold."""

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from colorize_service.server.settings import Settings
from tests.support import needs
from tests.support.service import ROOT, Service, wait_until


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=10)


@contextlib.contextmanager
def _connected(service: Service) -> Iterator[http.client.HTTPConnection]:
    """A connection that has asked once and is idle."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        assert _ask(connection) == 200
        yield connection


def _ask(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/health")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


def test_an_idle_connection_is_kept_as_long_as_the_operator_says(serve):
    service = serve(KEEPALIVE=3)
    with _connected(service) as connection:
        connected = connection.sock
        time.sleep(1.5)
        assert _ask(connection) == 200 and connection.sock is connected
        wait_until(lambda: service.connections == 0, 10)


def test_idle_connections_leave_the_threads_to_others(serve):
    service = serve(THREADS=2)
    with contextlib.ExitStack() as idle:
        for _ in range(20):
            idle.enter_context(_connected(service))
        assert requests.get(f"{service.url}/health", timeout=2).status_code == 200
        assert service.connections >= 20


def test_new_clients_get_in_where_idle_ones_hold_every_connection_of_a_worker(serve):
    service = serve(THREADS=4, CONNECTIONS=10)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(_connected(service))
        for _ in range(30):
            stack.enter_context(connect(service))  # and say nothing
        for _ in range(3):
            assert requests.get(f"{service.url}/health", timeout=10).status_code == 200


def test_who_connects_and_asks_nothing_does_not_keep_a_connection_that_others_need(serve):
    service = serve(HEADER_TIMEOUT=1, KEEPALIVE=75)
    with _connected(service) as asked, contextlib.ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(connect(service))
        wait_until(lambda: service.connections == 21, 5)
        wait_until(lambda: service.connections == 1, 10)
        kept = asked.sock
        assert _ask(asked) == 200 and asked.sock is kept


def test_a_worker_that_may_open_few_files_outlives_more_connections_than_that(serve, monkeypatch):
    prlimit = needs.program("prlimit", package="util-linux")
    monkeypatch.setattr(Service, "wrapper", [prlimit, "--nofile=250:250"])
    service = serve()
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(service))
        assert requests.get(f"{service.url}/health", timeout=20).status_code == 200
    assert "Too many open files" not in service.log() and service.log().count("Booting worker") == 1


def test_a_stop_waits_neither_for_idle_connections_nor_for_those_that_never_asked(serve):
    service = serve()
    with _connected(service), connect(service), connect(service) as asking:
        asking.sendall(b"GET /he")
        wait_until(lambda: service.connections == 3, 5)
        started = time.monotonic()
        service.stop()
        assert time.monotonic() - started < 30 and service.process.returncode == 0  # idle ones may stay for 75 s


def test_nginx_closes_its_idle_connections_before_the_service_does():
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    (timeout,) = (line.split()[1] for line in site.splitlines() if line.strip().startswith("keepalive_timeout"))
    assert int(timeout.removesuffix("s;")) < Settings.model_fields["keepalive"].default


@pytest.mark.server
def test_a_service_with_a_certificate_of_its_own_answers(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = needs.program("openssl", package="openssl")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    service = Service(tmp_path, GUNICORN_CMD_ARGS=f"--keyfile {key} --certfile {certificate}")
    service.url = f"https://localhost:{service.port}"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with service, requests.Session() as client:
        assert client.get(f"{service.url}/health", timeout=10).ok
        assert client.get(f"{service.url}/health", timeout=10).ok
