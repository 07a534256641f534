"""An operator who sets a rate keeps one app from taking the whole service; the others go on."""

import ipaddress

import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st

from colorize_service.server.rates import whom
from tests.support.http import assert_error
from tests.support.key_server import PROJECT


@pytest.fixture(scope="module")
def limited(running, keys):
    return running(APP_CHECK="on", FIREBASE_PROJECT_ID=PROJECT, APP_CHECK_JWKS_URL=keys.url, RATE_LIMIT="3/hour")


def test_an_app_over_its_rate_is_told_when_to_come_back_and_others_are_served(limited, keys, gray_jpeg):
    def ask(app: str, path: str = "/colorize") -> requests.Response:
        headers = {"X-Firebase-AppCheck": keys.token(sub=app)}
        return requests.post(limited.url + path, files={"file": gray_jpeg}, headers=headers, timeout=60)

    first = [ask("1:1:ios:a"), ask("1:1:ios:a", "/upload"), ask("1:1:ios:a")]
    assert [each.status_code for each in first] == [200] * 3
    for path in ("/upload", "/colorize", "/colors"):
        refused = ask("1:1:ios:a", path)
        assert_error(refused, 429)
        assert 3500 <= int(refused.headers["Retry-After"]) <= 3601
    assert ask("1:1:ios:b").status_code == 200
    results = requests.get(first[0].json()["download_url"], timeout=30)
    assert results.status_code == 200, "what is stored can still be seen"
    refused = requests.post(f"{limited.url}/colorize", files={"file": gray_jpeg}, timeout=30)
    assert_error(refused, 401)


def test_without_app_check_each_address_has_its_rate(serve, gray_jpeg):
    service = serve(RATE_LIMIT="1/minute", TRUSTED_PROXIES=1)

    def ask(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return requests.post(
            f"{service.url}/colorize", files={"file": gray_jpeg}, headers=headers, timeout=60
        ).status_code

    assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [200, 429, 200]
    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [200, 429, 200]


@given(address=st.ip_addresses(), last=st.integers(0, 2**64 - 1))
def test_a_client_has_one_rate_whichever_of_its_addresses_it_takes(address, last):
    if address.version == 6:
        neighbour = ipaddress.IPv6Address(int(address) >> 64 << 64 | last)
        assume(not (address.ipv4_mapped or neighbour.ipv4_mapped))
    else:
        neighbour = ipaddress.IPv6Address(f"::ffff:{address}")
    assert whom("", str(address)) == whom("", str(neighbour)) == whom("", address.exploded)
    assert whom("app", str(address)) == "app"
