"""``GET /openapi.json``: the OpenAPI 3.1 document of this service, as it is set up."""

import inspect
import json
import re
from collections.abc import Callable, Collection
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from colorize_service import __version__
from colorize_service.inference.model import KINDS, model_class
from colorize_service.server.api.files import conditional
from colorize_service.server.api.operations import (
    ANYWHERE,
    CONDITIONS,
    ERRORS,
    HEADERS,
    OF_JOBS,
    PARAMETERS,
    Json,
    Operation,
    operation_of,
    ref,
)
from colorize_service.server.api.repeats import HEADER as REPEATED
from colorize_service.server.api.schemas import ANSWERS, Filename, Id
from colorize_service.server.app_check import HEADER
from colorize_service.server.parts import parts, parts_of

ABOUT = """\
Gives black-and-white photos their colours.

Every answer that is not a success is JSON with one sentence, `{"detail": "…"}`. A path that is not listed is `404`, a
method that a path does not take is `405` with `Allow`. `HEAD` works wherever `GET` does. Pages of any origin may call
the API, unless the operator limits it.
"""
APP_CHECK = {
    "type": "apiKey",
    "in": "header",
    "name": HEADER,
    "description": "A Firebase App Check token of your app.",
}
EVERY_OPTION = tuple(dict.fromkeys(name for kind in KINDS for name in model_class(kind).takes))

PATH_PARAMETERS = {"filename": Filename, "file_id": Id, "job_id": Id}

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The document; its server is the base of the links in answers, or where the client found it."""
    base = parts().settings.public_base_url or request.script_root or "/"
    engine = parts().engine
    takes = EVERY_OPTION if engine.problem else engine.describe().takes
    text = json.dumps(document(current_app, base, takes), ensure_ascii=False, separators=(",", ":"))
    return conditional(Response(text, mimetype="application/json"))


def document(app: Flask, base: str = "/", takes: Collection[str] = EVERY_OPTION) -> Json:
    """The whole document of the application's operations, with the options that its model ``takes``."""
    app_check = parts_of(app).settings.app_check
    paths: Json = {}
    statuses = set(ANYWHERE)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = operation_of(view)
        if operation is not None:
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[method.lower()] = _operation(app, view, operation, sorted(rule.arguments), takes)
            statuses |= set(operation.errors)
    about = {"title": "Colorize", "version": __version__, "summary": "Colours for black-and-white photos."}
    components: Json = {
        "schemas": _without_jobs(app, _schemas()),
        "headers": _without_jobs(app, HEADERS),
        "parameters": _without_jobs(app, PARAMETERS),
        "responses": {str(status): ERRORS[status] for status in sorted(statuses) if app_check or status != 401},
    }
    return {
        "openapi": "3.1.0",
        "info": about | {"description": ABOUT},
        "servers": [{"url": base}],
        "security": [],
        "tags": [{"name": "Photos"}, {"name": "Pictures", "description": "What is stored."}, {"name": "Service"}],
        "paths": paths,
        "components": components | ({"securitySchemes": {"AppCheck": APP_CHECK}} if app_check else {}),
    }


def _without_jobs(app: Flask, parts: Json) -> Json:
    return {name: part for name, part in parts.items() if parts_of(app).jobs or name not in OF_JOBS}


def _operation(
    app: Flask, view: Callable[..., Any], operation: Operation, arguments: list[str], takes: Collection[str]
) -> Json:
    settings = parts_of(app).settings
    guarded = 401 in operation.errors and settings.app_check
    errors = {*operation.errors, *ANYWHERE} - (set() if guarded else {401})
    answers = {status: each for status, each in operation.answers.items() if status != 202 or parts_of(app).jobs}
    responses = {status: ref("responses", str(status)) for status in errors} | answers
    asks = ["X-Request-ID", *operation.asks]
    if 206 in answers:
        asks += CONDITIONS
    elif 422 in operation.errors:
        asks.append(REPEATED)
    if 202 in answers:
        asks.append("Prefer")
    in_path = {"in": "path", "required": True}
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    return {
        "operationId": view.__name__,
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": description,
        **({"security": [{"AppCheck": []}]} if guarded else {}),
        "parameters": [
            *(
                {"name": name, "schema": TypeAdapter(PATH_PARAMETERS[name]).json_schema()} | in_path
                for name in arguments
            ),
            *(ref("parameters", name) for name in asks),
        ],
        **({"requestBody": operation.body(settings, takes)} if operation.body else {}),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }


class _Untitled(GenerateJsonSchema):
    """JSON schemas without titles of fields, of which some generators make types."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schemas() -> Json:
    models: list[Any] = [(model, "serialization") for model in ANSWERS]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}", schema_generator=_Untitled)
    found: Json = schemas["$defs"]
    return found
