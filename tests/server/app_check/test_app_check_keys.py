"""The key server of App Check: what its failures may and may not do to clients."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from colorize_service.server import app_check
from colorize_service.server.app_check import AppCheckVerifier, KeysUnavailable, TokenRejected
from tests.support.key_server import APP_ID, PROJECT, accepts
from tests.support.service import wait_until

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
    wait_until(lambda: accepts(verifier, server.token()), 3)


@pytest.mark.parametrize("how", OUTAGES)
def test_client_with_a_known_key_is_served_while_the_key_server_is_down(server, how):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.05, cooldown=0.05)
    assert verifier.verify(server.token()) == APP_ID
    break_down(server, how)
    end, asked_again = time.monotonic() + 0.2, False  # past the lifespan of the keys and past the cooldown
    while time.monotonic() < end or not asked_again:
        start = time.monotonic()
        assert verifier.verify(server.token()) == APP_ID
        assert time.monotonic() - start < 1
        asked_again = how == "down" or server.requests > 1


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
    wait_until(lambda: server.requests == 2, 3)
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
    wait_until(lambda: accepts(verifier, server.token()), 3)
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
    monkeypatch.setattr(app_check, "FIRST_RETRY", 0.05)
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
    wait_until(lambda: accepts(warm, token), 3)
    assert server.requests <= 3


def test_withdrawn_key_opens_nothing_once_the_keys_are_fetched_again(server):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.1, cooldown=0.1, fetch_timeout=0.4, patience=1.0)
    old = server.token()
    assert verifier.verify(old) == APP_ID
    server.rotate()
    wait_until(lambda: not accepts(verifier, old), 3)
    assert verifier.verify(server.token()) == APP_ID


def test_keys_are_fetched_again_after_their_lifespan_without_a_client_waiting(server):
    verifier = AppCheckVerifier(PROJECT, server.url, lifespan=0.1, cooldown=0.1, fetch_timeout=0.4, patience=1.0)
    verifier.verify(server.token())
    server.delay = 1
    while server.requests < 2:
        start = time.monotonic()
        assert verifier.verify(server.token()) == APP_ID
        assert time.monotonic() - start < 0.5


def test_nothing_is_asked_of_the_key_server_before_a_client_comes(server, verifier):
    time.sleep(0.05)
    assert server.requests == 0
