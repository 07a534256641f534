"""``GET /openapi.json``: the OpenAPI 3.1 document of this service, as it is set up."""

import json
from collections.abc import Collection

from flask import Blueprint, Response, request

from colorize_service import __version__
from colorize_service.inference.model import KINDS, model_class
from colorize_service.server.api.files import conditional
from colorize_service.server.api.openapi.operations import operation, operations
from colorize_service.server.api.openapi.parts import answer, asks, components, errors
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings

ABOUT = """\
Gives black-and-white photos their colours.

Every answer that is not a success is JSON with one sentence, `{"detail": "…"}`. A path that is not listed is `404`, a
method that a path does not take is `405` with `Allow`. `HEAD` works wherever `GET` does. Pages of any origin may call
the API, unless the operator limits it.
"""

EVERY_FIELD = tuple(dict.fromkeys(name for kind in KINDS for name in model_class(kind).takes))

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The document; its server is the base of the links in answers, or where the client found it."""
    base = parts().settings.public_base_url or request.script_root or "/"
    engine = parts().engine
    fields = EVERY_FIELD if engine.problem else engine.describe()["fields"]
    text = json.dumps(document(parts().settings, base, fields), ensure_ascii=False, separators=(",", ":"))
    return conditional(Response(text, mimetype="application/json"))


def document(settings: Settings, base: str = "/", fields: Collection[str] = EVERY_FIELD) -> dict:
    """The whole document, with those ``fields`` of ``POST /colorize`` that depend on the model."""
    paths = operations(settings, fields)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Colorize",
            "version": __version__,
            "summary": "Colours for black-and-white photos.",
            "description": ABOUT,
        },
        "servers": [{"url": base}],
        "tags": [
            {"name": "Photos"},
            {"name": "Pictures", "description": "What is stored."},
            {"name": "Service"},
            {"name": "HEAD and OPTIONS", "description": "The other methods of these paths."},
        ],
        "paths": {path: item | _head(item) | _options(path, item) for path, item in paths.items()},
        "components": components(settings.app_check),
    }


def _head(item: dict) -> dict:
    """``HEAD``: the answers to ``GET`` without their bodies."""
    if "get" not in item:
        return {}
    get = item["get"]
    responses = {
        status: response if "$ref" in response else {k: v for k, v in response.items() if k != "content"}
        for status, response in get["responses"].items()
    }
    return {
        "head": get
        | {
            "operationId": f"{get['operationId']}Head",
            "tags": ["HEAD and OPTIONS"],
            "summary": f"{get['summary']}: the headers alone",
            "responses": responses,
        }
    }


def _options(path: str, item: dict) -> dict:
    """``OPTIONS``: the methods, and for browsers what pages of other origins may send."""
    parameters = [
        parameter | {"schema": {"type": "string"}, "description": "Any value."}
        for operation in item.values()
        for parameter in operation["parameters"]
        if parameter.get("in") == "path"
    ]
    name = next(iter(item.values()))["operationId"]
    grants = tuple(f"Access-Control-{name}" for name in ("Allow-Methods", "Allow-Headers", "Max-Age"))
    return {
        "options": operation(
            f"{name}Options",
            "HEAD and OPTIONS",
            f"What {path} takes",
            "Also a browser's preflight; never needs a token.",
            {"200": answer("The methods.", {}, "Allow", sometimes=grants)} | errors(),
            parameters=[*parameters, *asks()],
        )
    }
