"""Answers as the OpenAPI document has them: status, media type, headers and body."""

import functools
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import requests
import schemathesis
from flask import Flask
from schemathesis.specs.openapi import checks
from werkzeug.exceptions import HTTPException

from colorize_service.server.api.openapi import document
from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings

CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# What HTTP itself, the server and CORS put on any answer.
ANY_ANSWER = {
    *("connection", "content-length", "content-type", "date", "server", "transfer-encoding"),
    *("access-control-allow-origin", "access-control-expose-headers", "vary"),
}


@functools.cache
def application() -> Flask:
    """The service with App Check on, and a broker: its document has all that any other has."""
    folder = Path(tempfile.mkdtemp(prefix="documented-"))
    broker = "redis://127.0.0.1:1"  # nobody asks it anything
    return create_app(Settings(app_check=True, firebase_project_id="any", storage_dir=folder, broker_url=broker))


@functools.cache
def schema():
    """The document, but an answer may have no other keys than it names: new ones are news to clients."""
    said = document(application())
    for name, model in said["components"]["schemas"].items():
        if "properties" in model:
            said["components"]["schemas"][name] = model | {"additionalProperties": False}
    return schemathesis.openapi.from_dict(said)


def check(response: requests.Response) -> None:
    """Raise AssertionError or FailureGroup if the answer is not as the document says."""
    method, path = response.request.method, urlsplit(response.request.url).path
    operation = schema().find_operation_by_path("GET" if method == "HEAD" else method, path)
    if operation is None:
        _check_elsewhere(response)
        return
    # HEAD has the status and the headers of GET, and no body.
    conformance = CONFORMANCE[:-1] if method == "HEAD" else CONFORMANCE
    case = operation.Case(path_parameters={parameter.name: "any" for parameter in operation.path_parameters})
    case.validate_response(response, checks=conformance)
    documented = operation.responses.find_by_status_code(response.status_code).headers
    extra = {name.lower() for name in response.headers} - {name.lower() for name, _ in documented.items()} - ANY_ANSWER
    assert not extra, f"{method} {path}: {response.status_code} has headers that the document does not: {extra}"


def _check_elsewhere(response: requests.Response) -> None:
    """Of a path or a method that the document does not have: the pages, the figures, the document itself, an error."""
    if response.status_code in (200, 206, 304):
        assert "X-Request-ID" in response.headers
        assert _is_a_route(response.request), response.request.url
        return
    assert response.status_code in (400, 401, 404, 405, 412, 416, 503), response.request.url
    assert response.headers["Content-Type"] == "application/json"
    if response.request.method != "HEAD":
        assert list(response.json()) == ["detail"]
    assert "Allow" in response.headers or response.status_code != 405


def _is_a_route(request: requests.PreparedRequest) -> bool:
    try:
        application().url_map.bind("any").match(urlsplit(request.url).path, method=request.method)
    except HTTPException:
        return False
    return True
