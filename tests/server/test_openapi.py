"""What a client reads in the OpenAPI document is what the service has and does. Every answer of every other test is
compared with it as well, see tests/support/documented.py."""

import json
import re
from mimetypes import guess_type

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.core.failures import FailureGroup

from colorize_service.options import OPTIONS
from colorize_service.picture_kinds import KINDS, SUFFIXES
from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings
from tests.support import documented
from tests.support.http import NO_SUCH_ID, exchange
from tests.support.key_server import PROJECT

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def document(service) -> dict:
    return requests.get(f"{service.url}/openapi.json", timeout=30).json()


def operations(document: dict) -> dict[tuple[str, str], dict]:
    """The document's operations by method, in capitals, and path."""
    return {
        (method.upper(), path): item[method]
        for path, item in document["paths"].items()
        for method in METHODS & set(item)
    }


# What people, browsers and Prometheus ask for, and programs that read the document.
NOT_FOR_CLIENTS = {"/", "/page/settings.json", "/page/{name}", "/docs", "/docs/{name}", "/openapi.json", "/metrics"}


def test_the_document_has_every_call_for_clients_and_no_other(document, tmp_path):
    rules = create_app(Settings(app_check=False, storage_dir=tmp_path)).url_map.iter_rules()
    routes = {(method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)) for rule in rules for method in rule.methods}
    assert {path for _, path in routes} >= NOT_FOR_CLIENTS
    assert set(operations(document)) == {
        (method, path) for method, path in routes if path not in NOT_FOR_CLIENTS and method not in ("HEAD", "OPTIONS")
    }


def nodes(part: object):
    """All objects in a part of the document."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from nodes(each)


def test_nothing_is_in_the_document_that_stops_client_generators(document):
    for node in nodes(document):
        assert "oneOf" not in node and "not" not in node
        if node.get("type") == "boolean":
            assert not {"const", "enum", "default"} & node.keys()
        if isinstance(node.get("properties"), dict):
            assert all(isinstance(schema, dict) for schema in node["properties"].values())
        for link in node.get("links", {}).values():
            assert "requestBody" not in link
    assert document["security"] == []


def test_the_form_has_the_options_with_the_ranges_that_the_service_takes(document):
    form = document["paths"]["/colorize"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert "required" not in form  # `file` or `image_id`
    fields = form["properties"]
    assert fields["file"]["format"] == "binary"
    assert set(fields) == {"file", "image_id"} | {name for name, option in OPTIONS.items() if option.for_every_model}
    for name, field in fields.items():
        if name in OPTIONS and OPTIONS[name].kind is float:
            option = OPTIONS[name]
            assert (field["minimum"], field["maximum"], field["default"]) == (option.least, option.most, option.default)
            assert field["description"] == option.about


@pytest.mark.parametrize("app_check", [True, False])
def test_the_document_is_valid_and_asks_for_a_token_only_where_one_is_needed(serve, keys, app_check):
    settings = {"FIREBASE_PROJECT_ID": PROJECT, "APP_CHECK_JWKS_URL": keys.url} if app_check else {}
    url = serve(wait_for_model=False, APP_CHECK="on" if app_check else "off", **settings).url
    document = requests.get(f"{url}/openapi.json", timeout=30).json()
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert ("securitySchemes" in document["components"]) == app_check
    for (method, path), operation in operations(document).items():
        refused = requests.request(method, url + path, timeout=30).status_code == 401
        assert refused == ("security" in operation) == ("401" in operation["responses"]), f"{method} {path}"


def test_the_document_names_every_format_that_is_read(document):
    body = operations(document)["POST", "/colorize"]["requestBody"]["content"]["multipart/form-data"]
    assert all(kind in body["schema"]["properties"]["file"]["description"] for kind in KINDS)
    types = body["encoding"]["file"]["contentType"].split(", ")
    assert {guess_type(f"photo{suffixes[0]}")[0] for suffixes in SUFFIXES.values()} - {None} <= set(types)


def test_every_part_of_the_document_is_used(document):
    parts = {f"#/components/{kind}/{name}" for kind, names in document["components"].items() for name in names}
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert parts - used == set()


@pytest.mark.parametrize(
    ("status", "line", "header"),
    [
        (400, "", "Not a header"),
        (414, "?" + "a" * 5000, ""),
        (417, "", "Expect: the unexpected"),
        (431, "", "X-Long: " + "a" * 300_000),
        (501, "", "Transfer-Encoding: morse"),
    ],
)
def test_what_the_server_may_answer_to_any_request_it_does_answer(service, document, status, line, header):
    for (method, path), operation in operations(document).items():
        target = re.sub(r"\{\w+\}", NO_SUCH_ID, path) + line
        request = f"{method} {target} HTTP/1.1\r\nHost: x\r\n" + (f"{header}\r\n" if header else "") + "\r\n"
        answer, headers, body = exchange(service.url, request.encode())
        assert answer == status and str(status) in operation["responses"], f"{method} {path}"
        assert headers["content-type"] == "application/json" and list(json.loads(body)) == ["detail"]


def test_a_client_that_has_the_document_is_not_sent_it_again_and_any_page_may_read_it(service):
    first = requests.get(f"{service.url}/openapi.json", headers={"Origin": "https://example.com"}, timeout=30)
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"] == "no-cache"
    again = requests.get(f"{service.url}/openapi.json", headers={"If-None-Match": first.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(f"{service.url}/openapi.json", headers={"If-Match": '"other"'}, timeout=30).status_code == 412


@pytest.mark.parametrize(("base", "server"), [("https://photos.example/api/", "https://photos.example/api"), ("", "/")])
def test_the_server_of_the_document_is_the_base_of_the_links(serve, base, server):
    service = serve(wait_for_model=False, PUBLIC_BASE_URL=base, MAX_UPLOAD_BYTES=5_000_001, MAX_PIXELS=6_000_001)
    text = requests.get(f"{service.url}/openapi.json", timeout=30).text
    assert json.loads(text)["servers"] == [{"url": server}]
    assert "5000001 bytes" in text and "6000001 pixels" in text


def test_an_answer_that_is_not_as_documented_is_noticed(service):
    response = requests.get(f"{service.url}/health", timeout=30)
    documented.check(response)
    for change in (
        {"status_code": 202},
        {"_content": b'{"status": "fine", "model_loaded": true}'},
        {"_content": b'{"status": "healthy", "model_loaded": "yes"}'},
        {"_content": b'{"status": "healthy"}'},
        {"_content": b'{"status": "healthy", "model_loaded": true, "news": 1}'},
        {"headers": {"X-Other": "1"}},
        {"raw": None},
    ):
        other = requests.Response()
        other.__dict__ |= response.__dict__ | change
        with pytest.raises((AssertionError, FailureGroup)):
            documented.check(other)
