"""A collector of traces on loopback: what OpenTelemetry's exporters send over HTTP, as it comes."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(dict):
    """A span's attributes, and what it is.

    Attributes:
        service: the name of the service that it is of.
        trace, id, parent: in hexadecimal; ``parent`` is empty for the first one of a trace.
    """

    def __init__(self, service: str, sent: Any):
        super().__init__(_values(sent.attributes))
        self.service, self.name = service, sent.name
        self.trace, self.id, self.parent = sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex()


class Collector:
    """``with Collector() as collector``.

    Attributes:
        settings: those of a service that sends to it, at once.
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._spans += _spans(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": 100}

    def spans(self, trace: str | None = None) -> list[Span]:
        """What has come of a trace, or of all."""
        return [span for span in self._spans if trace in (None, span.trace)]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(_values(of_service.resource.attributes)["service.name"], span)
        for of_service in request.resource_spans
        for of_scope in of_service.scope_spans
        for span in of_scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
