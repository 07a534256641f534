"""Answers as the OpenAPI document has them: status, media type, headers and body."""

import functools
from urllib.parse import quote, urlsplit

import requests
import schemathesis
from schemathesis.specs.openapi import checks

from colorize_service.server.api.openapi import document
from colorize_service.server.settings import Settings

CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# What HTTP itself and the server put on any answer.
ANY_ANSWER = {"connection", "content-length", "content-type", "date", "server", "transfer-encoding"}


@functools.cache
def schema():
    """The document with App Check on, which has all that any other has."""
    return schemathesis.openapi.from_dict(document(Settings.model_construct(app_check=True)))


def check(response: requests.Response) -> None:
    """Raise AssertionError or FailureGroup if the answer is not as the document says."""
    method, path = response.request.method, urlsplit(response.request.url).path
    if path.startswith("/page/"):  # a file's path in a folder is one segment to OpenAPI
        path = "/page/" + quote(path.removeprefix("/page/"), safe="")
    operation = schema().find_operation_by_path(method, path)
    if operation is None:
        _check_elsewhere(response)
        return
    operation = schema()[operation.path][method]  # of a HEAD, the one that it found is that of GET
    case = operation.Case(path_parameters={parameter.name: "any" for parameter in operation.path_parameters})
    case.validate_response(response, checks=CONFORMANCE)
    documented = operation.responses.find_by_status_code(response.status_code).headers
    extra = {name.lower() for name in response.headers} - {name.lower() for name, _ in documented.items()} - ANY_ANSWER
    assert not extra, f"{method} {path}: {response.status_code} has headers that the document does not: {extra}"


def _check_elsewhere(response: requests.Response) -> None:
    """Of a path or a method that the document does not have."""
    assert response.status_code in (400, 401, 404, 405, 503), response.request.url
    assert response.headers["Content-Type"] == "application/json"
    if response.request.method != "HEAD":
        assert list(response.json()) == ["detail"]
    assert "Allow" in response.headers or response.status_code != 405
