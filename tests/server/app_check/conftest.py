"""A key server on loopback and verifiers that ask it: nothing is replaced, and the tokens are signed."""

import pytest

from colorize_service.server.app_check import AppCheckVerifier
from tests.support.key_server import APP_ID, PROJECT, KeyServer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with KeyServer() as server:
        yield server


@pytest.fixture
def verifier(server):
    return AppCheckVerifier(PROJECT, server.url, cooldown=0.1, fetch_timeout=0.4, patience=1.0)


@pytest.fixture
def warm(server, verifier):
    """A verifier that has the server's key."""
    assert verifier.verify(server.token()) == APP_ID
    return verifier
