"""What stands in forwarded headers and in origins never becomes another host's link, and never opens the API to it."""

import io
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings
from tests.conftest import encode

PHOTO = encode(Image.new("L", (4, 4)), "PNG")


def client(folder, **settings):
    return create_app(Settings(app_check=False, storage_dir=folder, **settings)).test_client()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    return client(tmp_path_factory.mktemp("storage"), trusted_proxies=1)


def link(proxied, **forwarded: str) -> str:
    headers = {f"X-Forwarded-{name.capitalize()}": value for name, value in forwarded.items()}
    answer = proxied.post(
        "/upload", data={"file": (io.BytesIO(PHOTO), "photo.png")}, headers=headers | {"Host": "inside.example:8000"}
    )
    assert answer.status_code == 200, answer.text
    return answer.get_json()["image_url"].rpartition("/uploads/")[0]


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ({"host": "api.example.com", "proto": "https", "prefix": "/colours"}, "https://api.example.com/colours"),
        ({"host": "api.example.com:8443", "prefix": "/a/b-c_d/"}, "http://api.example.com:8443/a/b-c_d"),
        ({"host": "[2001:db8::1]:81"}, "http://[2001:db8::1]:81"),
        ({"host": "forged.example, api.example.com"}, "http://api.example.com"),
    ],
)
def test_links_are_below_what_the_trusted_proxy_says(proxied, forwarded, expected):
    assert link(proxied, **forwarded) == expected


@pytest.mark.parametrize(
    "prefix",
    [
        *("//evil.example", "///evil.example", "/\\evil.example", "evil.example", "@evil.example", ".evil.example"),
        *(":80@evil.example", "/a//b", "/..", "/a/../b", "/./a", "/a?b", "/a#b", "/a b", '/"onload="', "/%0d%0a", "/é"),
        "/" + "a" * 10_000,
    ],
)
def test_a_prefix_that_is_none_does_not_become_part_of_a_link(proxied, prefix):
    assert link(proxied, prefix=prefix) == "http://inside.example:8000"


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example/path", "user@evil.example", "evil.example\\", "a b", "evil.example:x", "evil.example:99999"),
        *("[::1", "<b>", "evil.example?", "evil.example#", "a" * 10_000 + ".example"),
    ],
)
def test_a_host_that_is_none_does_not_become_part_of_a_link(proxied, host):
    assert link(proxied, host=host) == "http://inside.example:8000"


@pytest.mark.parametrize("proto", ["javascript", "HTTPS ", "ftp", "https:"])
def test_a_scheme_that_is_none_does_not_become_part_of_a_link(proxied, proto):
    assert link(proxied, proto=proto) == "http://inside.example:8000"


_STRANGE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@given(_STRANGE.map(lambda text: f"/{text}"), _STRANGE)
def test_whatever_is_forwarded_a_link_is_an_address_on_one_host(proxied, prefix, proto):
    made = urlsplit(link(proxied, prefix=prefix, proto=proto))
    assert made.scheme in ("http", "https") and made.netloc == "inside.example:8000"
    assert not made.query and not made.fragment and not made.path.startswith("//")


def test_a_host_as_long_as_none_is_does_not_come_back(proxied):
    answer = proxied.post(
        "/upload", data={"file": (io.BytesIO(PHOTO), "photo.png")}, headers={"Host": "a" * 10_000 + ".example"}
    )
    assert answer.status_code == 400 and len(answer.data) < 300


# --- origins ---------------------------------------------------------------------------------------------------------

ORIGINS = "https://*.example.com, https://one.example, http://[::1]:3000, capacitor://localhost"


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    return client(tmp_path_factory.mktemp("storage"), cors_origins=ORIGINS)


@pytest.mark.parametrize(
    ("origin", "may_call"),
    [
        ("https://app.example.com", True),
        ("https://a.b-c.example.com", True),
        ("HTTPS://APP.EXAMPLE.COM", True),
        ("https://one.example", True),
        ("http://[::1]:3000", True),
        ("capacitor://localhost", True),
        ("https://example.com", False),
        ("https://aexample.com.evil.net", False),
        ("https://app.example.com.evil.net", False),
        ("https://evil.net/.example.com", False),
        ("https://evil.net#.example.com", False),
        ("https://app.example.com:8443", False),
        ("http://app.example.com", False),
        ("https://appXexample.com", False),
        ("https://oneXexample", False),
        ("https://one.example.evil.net", False),
        ("https://.example.com", False),
        ("http://:", False),
        ("null", False),
    ],
)
def test_an_origin_may_call_if_it_is_named_or_below_a_named_one(limited, origin, may_call):
    answer = limited.get("/health", headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if may_call else None)
