"""What the operations of the OpenAPI document share: schemas, headers, parameters, errors, and how to write them."""

from pydantic.json_schema import models_json_schema

from colorize_service.server.api.options import HintField
from colorize_service.server.app_check import HEADER

UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ID = {
    "type": "string",
    "pattern": f"^{UUID4}$",
    "description": "A random UUID (version 4) in lower case.",
    "examples": ["3f0e7a52-6d0e-4b0e-9a43-5c3f7f8f6c11"],
}
FILENAME = {"type": "string", "pattern": rf"^{UUID4}\.jpg$", "examples": ["3f0e7a52-6d0e-4b0e-9a43-5c3f7f8f6c11.jpg"]}
TRUE, FALSE = {"type": "boolean", "const": True}, {"type": "boolean", "const": False}
TEXT, PIXELS = {"type": "string"}, {"type": "integer", "minimum": 1}
SENTENCE = {"type": "string", "minLength": 1, "description": "A sentence for a person."}
STATUS_HEALTHY, STATUS_UNHEALTHY = ({"type": "string", "const": word} for word in ("healthy", "unhealthy"))


def ref(kind: str, name: str, **beside: str) -> dict:
    """A reference to a part in ``components``; ``beside`` may replace its description."""
    return {"$ref": f"#/components/{kind}/{name}"} | beside


def link_to(path: str) -> dict:
    """The schema of an address that an answer contains."""
    return {
        "type": "string",
        "format": "uri",
        "description": f"`BASE{path}`. `BASE` is the public base URL, or else the scheme and host that you called.",
    }


def record(**properties: dict) -> dict:
    """The schema of a JSON object with exactly these keys."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _schemas() -> dict:
    _, models = models_json_schema([(HintField, "validation")], ref_template="#/components/schemas/{model}")
    return models["$defs"] | {
        "Error": record(detail=SENTENCE),
        "Healthy": record(status=STATUS_HEALTHY, model_loaded=TRUE),
        "Unhealthy": record(status=STATUS_UNHEALTHY, model_loaded=FALSE, detail=SENTENCE),
        "Model": record(
            name=TEXT,
            version=TEXT,
            kind=TEXT,
            device={"enum": ["cpu", "cuda"]},
            precision=TEXT,
            processing_size=record(width=PIXELS, height=PIXELS),
            fields={"type": "object", "description": "The optional fields that it takes, with their defaults."},
        ),
        "PageSettings": record(max_upload_bytes={"type": "integer"}, app_check={"type": ["object", "null"]}),
        "Uploaded": record(success=TRUE, image_id=ID, image_url=link_to("/uploads/ID.jpg"), filename=FILENAME),
        "Colorized": record(
            success=TRUE,
            result_id=ID,
            download_url=link_to("/results/ID.jpg"),
            api_download_url=link_to("/download/ID"),
            filename=FILENAME,
        ),
    }


def _header(description: str, required: bool = True, **schema: object) -> dict:
    return {"description": description, "required": required, "schema": {"type": "string"} | schema}


HEADERS = {
    "X-Request-ID": _header(
        "The request's own `X-Request-ID` if it is well formed, else a new id.", pattern="^[A-Za-z0-9._:/+=-]{1,128}$"
    ),
    "Access-Control-Allow-Origin": _header("The origins whose pages may read the answer.", required=False),
    "Access-Control-Expose-Headers": _header("The headers that such a page may read.", required=False),
    "Vary": _header("`Origin`, where the operator names the origins.", required=False),
    "Retry-After": _header("Seconds after which to try again.", type="integer", minimum=1),
    "Allow": _header("The methods that the path takes, separated by commas."),
    "ETag": _header("A strong entity tag.", pattern='^"[^"]+"$'),
    "Last-Modified": _header("When the file was stored."),
    "Accept-Ranges": _header("Parts of the file can be asked for.", const="bytes"),
    "Content-Range": _header("Which bytes of how many these are.", pattern=r"^bytes (\d+-\d+|\*)/\d+$"),
    "Content-Disposition": _header("How to show the file, and its name."),
    "Cache-Control": _header("Who may keep the answer, and for how long."),
    "X-Content-Type-Options": _header("Browsers are not to guess another type.", const="nosniff"),
    "Cross-Origin-Resource-Policy": _header("Pages of any site may show the picture.", const="cross-origin"),
    "Cross-Origin-Opener-Policy": _header("The page has its window for itself.", const="same-origin"),
    "Referrer-Policy": _header("What the page tells others of its address."),
    "Content-Security-Policy": _header("What the page may load and call."),
    "Access-Control-Allow-Methods": _header("The methods that a page of another origin may use.", required=False),
    "Access-Control-Allow-Headers": _header("The headers that a page of another origin may send.", required=False),
    "Access-Control-Max-Age": _header("Seconds for which a preflight holds.", required=False, type="integer"),
}

ON_ALL = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary")  # as the origin may be


def headers(*always: str, sometimes: tuple[str, ...] = ()) -> dict:
    """The headers of a response: those that it always has, and those that it may have."""
    return {
        name: ref("headers", name)
        if name in always or not HEADERS[name]["required"]
        else HEADERS[name] | {"required": False}
        for name in (*always, *sometimes, *ON_ALL)
    }


def answer(description: str, content: dict, *always: str, sometimes: tuple[str, ...] = (), **more: object) -> dict:
    """A response that is a success: its media types with their schemas, and its headers."""
    body = {"content": {kind: {"schema": schema} for kind, schema in content.items()}} if content else {}
    return {"description": description, "headers": headers("X-Request-ID", *always, sometimes=sometimes)} | body | more


def json_of(schema: str) -> dict:
    """The content of an answer in JSON."""
    return {"application/json": ref("schemas", schema)}


_OWN = "X-Request-ID"  # on what the service itself answers; not where the server or a proxy refuses a request


def _error(description: str, *always: str, sometimes: tuple[str, ...] = (), schemas: tuple = ("Error",)) -> dict:
    either = [ref("schemas", name) for name in schemas]
    if _OWN not in always:
        sometimes = (_OWN, *sometimes)
    return {
        "description": description,
        "headers": headers(*always, sometimes=sometimes),
        "content": {"application/json": {"schema": either[0] if len(either) == 1 else {"anyOf": either}}},
    }


ERRORS = {
    "400": _error("The request is malformed, or what it asks for is: the sentence says what is wrong."),
    "401": _error("The App Check token is missing, malformed, expired or foreign.", _OWN),
    "404": _error("There is nothing at this address, or no upload with this id."),
    "405": _error("The path does not take this method.", _OWN, "Allow"),
    "408": _error("The request took too long to arrive; from a proxy in front."),
    "412": _error("The file is not the one that `If-Match` names.", _OWN),
    "413": _error("The request's body, or the form in it, is over the limit that the sentence names.", _OWN),
    "414": _error("The address is too long."),
    "415": _error("The request's body is compressed: it has a `Content-Encoding`.", _OWN),
    "416": _error("The range is outside of the file.", _OWN, "Content-Range"),
    "417": _error("The header `Expect` asks for what the server does not know."),
    "431": _error("The request's headers are too long."),
    "499": _error("The client has closed its side of the connection, and so counts as gone.", _OWN),
    "500": _error("An error of the server."),
    "501": _error("The request has a transfer coding that the server does not know."),
    "503": _error("The service cannot take the work now.", "Retry-After"),
    "Unhealthy": _error(
        "The model is not loaded: not yet, or it cannot be. (With a `detail` alone: a proxy in front "
        "does not reach the service.)",
        "Retry-After",
        sometimes=("Cache-Control",),
        schemas=("Unhealthy", "Error"),
    ),
}
# What the server, or a proxy in front, may answer to any request before the service sees it; and a failure in it.
ANYWHERE = (400, 408, 414, 417, 431, 500, 501, 503)


def errors(*statuses: int) -> dict:
    """The error responses of an operation; :data:`ANYWHERE` included."""
    return {str(status): ref("responses", str(status)) for status in sorted({*statuses, *ANYWHERE})}


def _request_header(name: str, description: str) -> dict:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


_PARAMETERS = [
    _request_header(
        "X-Request-ID",
        "Names the request in the answer and in the server's log: up to 128 letters, "
        "digits and `._:/+=-`. Any other value is replaced.",
    ),
    _request_header("If-None-Match", "Entity tags that the client has: `304` if the file's is among them."),
    _request_header("If-Modified-Since", "A date: `304` if the file is not newer."),
    _request_header("If-Match", "Entity tags: `412` if the file's is not among them."),
    _request_header("Range", "Bytes to send, such as `bytes=0-999`: `206`, or `416` if the file has none of them."),
    _request_header("If-Range", "An entity tag or date: the range counts only if the file is still that one."),
]
PARAMETERS = {parameter["name"]: parameter for parameter in _PARAMETERS}


def asks(*names: str) -> list[dict]:
    """Parameters in the request's headers, by name."""
    return [ref("parameters", name) for name in ("X-Request-ID", *names)]


def in_path(name: str, description: str, schema: dict) -> dict:
    """A parameter in the path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def components(app_check: bool) -> dict:
    """The document's ``components``."""
    parts = {"schemas": _schemas(), "headers": HEADERS, "parameters": PARAMETERS, "responses": dict(ERRORS)}
    if not app_check:
        del parts["responses"]["401"]
    else:
        parts["securitySchemes"] = {
            "AppCheck": {
                "type": "apiKey",
                "in": "header",
                "name": HEADER,
                "description": "A Firebase App Check token of your app.",
            }
        }
    return parts
