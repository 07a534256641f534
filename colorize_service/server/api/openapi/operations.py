"""The operations that the service has, path by path. A new one is an entry here, and a model in ``parts.py`` for its
answer; HEAD and OPTIONS are added to each path by ``document()``."""

from collections.abc import Collection

from colorize_service.options import MOST_HINTS, OPTIONS
from colorize_service.server.api.openapi.parts import FILENAME, ID, answer, asks, errors, in_path, json_of, ref
from colorize_service.server.form import MOST_FIELDS, MOST_TEXT_BYTES
from colorize_service.server.settings import Settings

CONDITIONS = ("If-None-Match", "If-Match")
FILE_CONDITIONS = (*CONDITIONS, "If-Modified-Since", "Range", "If-Range")
PICTURE_TYPES = ", ".join(
    f"image/{kind}" for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif", "avif", "x-portable-anymap")
)
PICTURE = {"image/jpeg": {"type": "string", "format": "binary"}}
TEXT = {"type": "string"}
DOCS_TYPES = ("text/javascript", "text/css")
PAGE_TYPES = (*DOCS_TYPES, "image/jpeg", "image/svg+xml", "text/plain")
DOCS_FILES = ("page.css", "start.js", "swagger-ui.css", "swagger-ui-bundle.js")


def operations(settings: Settings, fields: Collection[str]) -> dict[str, dict[str, dict]]:
    """The OpenAPI path items, but for HEAD and OPTIONS. ``fields``: those of ``POST /colorize`` that a model may take
    or not, as far as they are to be there."""
    paths = {
        "/colorize": {"post": _colorize(settings, fields)},
        "/model": {"get": _model()},
        "/upload": {"post": _upload(settings)},
        "/results/{filename}": {
            "get": _picture("result", "A result", "Public, so that it can be shown in an `<img>` on any site.")
        },
        "/uploads/{filename}": {"get": _picture("uploaded", "An uploaded picture", "Public, as the results are.")},
        "/download/{file_id}": {"get": _download(settings)},
        "/health": {"get": _health()},
        "/openapi.json": {
            "get": _text("openapi", "This document", "application/json", {"type": "object"}, "OpenAPI 3.1.")
        },
        "/docs": {
            "get": _text(
                "docs",
                "The API in a browser",
                "text/html",
                TEXT,
                "This document as a page that can try the calls.",
                "Content-Security-Policy",
                "X-Content-Type-Options",
            )
        },
        "/docs/{filename}": {
            "get": _asset(
                "docsAsset",
                "A file of the page `/docs`",
                DOCS_TYPES,
                in_path("filename", "The file's name.", {"enum": list(DOCS_FILES)}),
            )
        },
        "/": {"get": _page()},
        "/page/settings.json": {"get": _page_settings()},
        "/page/{name}": {
            "get": _asset(
                "pageAsset",
                "A file of the page for people",
                PAGE_TYPES,
                in_path(
                    "name",
                    "The file's path; `404` for any other.",
                    {"type": "string", "examples": ["style.css", "js/main.js"]},
                ),
            )
        },
    }
    if settings.metrics_port is None:
        paths[settings.metrics_path] = {"get": _metrics()}
    return paths


def operation(name: str, tag: str, summary: str, description: str, responses: dict, **more: object) -> dict:
    """One operation; ``responses`` in the order of their statuses."""
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        **more,
        "responses": dict(sorted(responses.items())),
    }


def with_token(settings: Settings, found: dict) -> dict:
    """The operation as one that needs a token, where the operator enforces App Check."""
    if not settings.app_check:
        return found
    responses = dict(sorted((found["responses"] | errors(401)).items()))
    return found | {"security": [{"AppCheck": []}], "responses": responses}


def _photo(settings: Settings) -> dict:
    return {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or PPM, judged by content and by nothing else. At "
        f"most {settings.max_pixels} pixels. Recommended are photos up to 2048×2048.",
    }


def _form(settings: Settings, **schema: object) -> dict:
    """A multipart body, with the photo in the field ``file``."""
    return {
        "required": True,
        "description": f"At most {settings.max_upload_bytes} bytes and {MOST_FIELDS} fields; those other than `file` "
        f"at most {MOST_TEXT_BYTES} bytes together. A field is known by its name alone. Other fields are ignored.",
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object"} | schema,
                "encoding": {"file": {"contentType": PICTURE_TYPES}},
            }
        },
    }


def _links(**targets: tuple[str, dict]) -> dict:
    return {name: {"operationId": target, "parameters": parameters} for name, (target, parameters) in targets.items()}


def _option(name: str) -> dict:
    option = OPTIONS[name]
    schema: dict = {"type": {float: "number", int: "integer", str: "string"}[option.kind], "description": option.about}
    if option.least is not None:
        schema |= {"minimum": option.least, "maximum": option.most}
    return schema | ({"default": option.default} if option.for_every_model else {})


def _model_fields() -> dict[str, dict]:
    """The fields of ``POST /colorize`` that a model may take or not."""
    points = {"type": "array", "maxItems": MOST_HINTS, "items": ref("schemas", "HintField")}
    return {
        "hints": {
            "type": "string",
            "default": "",
            "anyOf": [{"const": ""}, {"contentMediaType": "application/json", "contentSchema": points}],
            "description": f"A JSON list of at most {MOST_HINTS} points with their colours, such as "
            '`[{"x": 0.2, "y": 0.6, "color": "#208030"}]`. Of two on one spot the later counts.',
        },
    } | {name: _option(name) for name, option in OPTIONS.items() if name != "hints" and not option.for_every_model}


def _colorize(settings: Settings, taken: Collection[str]) -> dict:
    an_id = {"type": "string", "pattern": ID["pattern"]}
    fields = {
        "image_id": {
            "anyOf": [{"const": ""}, an_id],
            "description": "Of an earlier upload, in the place of `file`. Space around it does not count.",
        },
    }
    fields |= {name: _option(name) for name, option in OPTIONS.items() if option.for_every_model}
    fields |= {name: schema for name, schema in _model_fields().items() if name in taken}
    body = _form(
        settings,
        properties={"file": _photo(settings)} | fields,
        oneOf=[
            {"required": ["file"], "properties": {"image_id": {"const": ""}}},
            {"required": ["image_id"], "properties": {"image_id": an_id, "file": False}},
        ],
    )
    body["content"]["application/x-www-form-urlencoded"] = {
        "schema": {"type": "object", "properties": fields | {"image_id": an_id}, "required": ["image_id"]}
    }
    return with_token(
        settings,
        operation(
            "colorize",
            "Photos",
            "Colorize a photo",
            "The result is a JPEG with the photo's own width, height, detail and luminance, upright and without metadata. "
            "The same photo with the same fields gives the same result. It takes seconds; requests may queue.",
            {
                "200": answer(
                    "The photo is stored in colour.",
                    json_of("Colorized"),
                    links=_links(
                        result=("result", {"filename": "$response.body#/filename"}),
                        download=("download", {"file_id": "$response.body#/result_id"}),
                    ),
                )
            }
            | errors(404, 413, 415, 499),
            parameters=asks(),
            requestBody=body,
        ),
    )


def _upload(settings: Settings) -> dict:
    colorize = {"operationId": "colorize", "requestBody": {"image_id": "$response.body#/image_id"}}
    return with_token(
        settings,
        operation(
            "upload",
            "Photos",
            "Store a picture as it is",
            "It is kept as an upright JPEG in sRGB without metadata.",
            {
                "200": answer(
                    "The picture is stored.",
                    json_of("Uploaded"),
                    links={"colorize": colorize}
                    | _links(uploaded=("uploaded", {"filename": "$response.body#/filename"})),
                )
            }
            | errors(413, 415, 499),
            parameters=asks(),
            requestBody=_form(settings, properties={"file": _photo(settings)}, required=["file"]),
        ),
    )


def _file_responses(content: dict, *headers: str) -> dict:
    """What a conditional or range request for a file may get."""
    about = ("ETag", "Cache-Control", *headers)
    return {
        "200": answer("The file.", content, "Accept-Ranges", "Last-Modified", *about),
        "206": answer("A part of the file.", content, "Accept-Ranges", "Content-Range", "Last-Modified", *about),
        "304": answer("The client has the file already.", {}, *about, sometimes=("Accept-Ranges", "Last-Modified")),
    } | errors(404, 412, 416)


def _picture(name: str, summary: str, description: str) -> dict:
    return operation(
        name,
        "Pictures",
        summary,
        f"{description} Never changes: may be kept for ever.",
        _file_responses(PICTURE, "Content-Disposition", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"),
        parameters=[in_path("filename", "`ID.jpg`; `404` for any other form.", FILENAME), *asks(*FILE_CONDITIONS)],
    )


def _download(settings: Settings) -> dict:
    return with_token(
        settings,
        operation(
            "download",
            "Pictures",
            "A result as an attachment",
            "Never changes: the client may keep it for ever.",
            _file_responses(PICTURE, "Content-Disposition", "X-Content-Type-Options"),
            parameters=[in_path("file_id", "`404` for any other form.", ID), *asks(*FILE_CONDITIONS)],
        ),
    )


def _health() -> dict:
    return operation(
        "health",
        "Service",
        "Is the service ready?",
        "`503` from when the port is open until the model is loaded.",
        {"200": answer("The model is loaded.", json_of("Healthy"), "Cache-Control")}
        | errors()
        | {"503": ref("responses", "Unhealthy")},
        parameters=asks(),
    )


def _model() -> dict:
    return operation(
        "model",
        "Service",
        "Which model is loaded?",
        "What it is, where it runs, and which fields `POST /colorize` takes beside the photo, with their defaults.",
        {"200": answer("The model.", json_of("Model"), "Cache-Control")} | errors(),
        parameters=asks(),
    )


def _metrics() -> dict:
    return operation(
        "metrics",
        "Service",
        "Figures for Prometheus",
        "A proxy in front may keep them from the public.",
        {"200": answer("Prometheus' text format.", {"text/plain": TEXT}, "Cache-Control")} | errors(404),
        parameters=asks(),
    )


def _text(name: str, summary: str, kind: str, schema: dict, description: str, *headers: str) -> dict:
    about = ("ETag", "Cache-Control", *headers)
    return operation(
        name,
        "Service",
        summary,
        description,
        {"200": answer("The text.", {kind: schema}, *about), "304": answer("The client has it already.", {}, *about)}
        | errors(412),
        parameters=asks(*CONDITIONS),
    )


def _page() -> dict:
    return operation(
        "page",
        "Service",
        "The page for people",
        "Drop a photo, compare, correct a colour, save.",
        _file_responses(
            {"text/html": TEXT},
            "Content-Disposition",
            "Content-Security-Policy",
            "Cross-Origin-Opener-Policy",
            "Referrer-Policy",
            "X-Content-Type-Options",
        ),
        parameters=asks(*FILE_CONDITIONS),
    )


def _page_settings() -> dict:
    return operation(
        "pageSettings",
        "Service",
        "What the page for people must know",
        "The limit in bytes, and how the page gets App Check tokens or what the operator has to set for that.",
        {"200": answer("The settings.", json_of("PageSettings"), "Cache-Control")} | errors(),
        parameters=asks(),
    )


def _asset(name: str, summary: str, types: tuple[str, ...], parameter: dict) -> dict:
    return operation(
        name,
        "Service",
        summary,
        "A script, a style sheet or a picture.",
        _file_responses(dict.fromkeys(types, TEXT), "Content-Disposition", "X-Content-Type-Options"),
        parameters=[parameter, *asks(*FILE_CONDITIONS)],
    )
