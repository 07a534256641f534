"""Traces by OpenTelemetry: a photo's way through an API process, the line and a worker.

Off where no collector is named: nothing of OpenTelemetry is imported before :func:`begin`, and the other functions do
nothing without it. There is one tracer in a process, as OpenTelemetry has it.
"""

import atexit
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from flask import Flask

from colorize_service import __version__
from colorize_service.server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

#: The header in which a trace goes on (W3C Trace Context), over HTTP and in a message of the line.
HEADER = "traceparent"
# Asked for every few seconds, by machines.
_LEFT_OUT = r"/(health|live|metrics)$"

# How long a collector may take, by the end of the process for all that is left.
_SECONDS = 2.0

_tracer: "Tracer | None" = None


def begin(settings: Settings, service: str, app: Flask | None = None) -> None:
    """Send the spans of this process to the collector that the settings name, if they name one.

    What the SDK reads from the environment holds as well: sampling, headers, the service's name.

    Args:
        service: the name of the service, unless the environment has one.
        app: the application whose requests are spans.

    Raises:
        SettingsError: if OpenTelemetry is not installed.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return
    # The names of HTTP's attributes that are stable; it still writes those before them by default.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    try:
        _set_tracer(settings.otel_exporter_otlp_endpoint, service)
        if app is not None:
            from opentelemetry.instrumentation.flask import FlaskInstrumentor

            FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
                app, excluded_urls=_LEFT_OUT, enable_commenter=False
            )
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT: this needs the package {error.name}; in the project's folder: "
            "pip install '.[server,traces]'"
        ) from None


def _set_tracer(endpoint: str, service: str) -> None:
    global _tracer  # noqa: PLW0603  # as OpenTelemetry's own
    if _tracer is not None:
        return
    from opentelemetry import propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    named = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    atexit.register(_end, provider, exporter)
    trace.set_tracer_provider(provider)
    # Without `baggage`, in which a client could send along what it likes.
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    _tracer = trace.get_tracer("colorize_service", __version__)


def _end(provider: "TracerProvider", exporter: "OTLPSpanExporter") -> None:
    """Send what is left; a collector that cannot be reached does not hold up the end of the process."""
    timer = threading.Timer(_SECONDS, exporter.shutdown)
    timer.start()
    provider.shutdown()
    timer.cancel()


@contextmanager
def span(
    name: str,
    kind: Literal["internal", "producer", "consumer"] = "internal",
    parent: object = None,
    **attributes: str | int | float,
) -> Iterator[None]:
    """What happens within is a span, below the current one.

    Args:
        parent: the ``traceparent`` of a span elsewhere instead; what is none is ignored.
        attributes: named ``colorize.…``.
    """
    if _tracer is None:
        yield
        return
    from opentelemetry import propagate
    from opentelemetry.trace import SpanKind

    context = propagate.extract({HEADER: parent}) if isinstance(parent, str) else None
    with _tracer.start_as_current_span(name, context, SpanKind[kind.upper()], _named(attributes)):
        yield


def mark(**attributes: str | int | float) -> None:
    """Give the current span attributes, named ``colorize.…``."""
    if _tracer is not None:
        from opentelemetry import trace

        trace.get_current_span().set_attributes(_named(attributes))


def headers() -> dict[str, str]:
    """By which another process goes on with the current trace; empty without one."""
    found: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry import propagate

        propagate.inject(found)
    return found


def log_fields() -> dict[str, object]:
    """What a log line says of the current trace; empty without one."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(found.trace_id)} if found.is_valid else {}


def _named(attributes: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    return {f"colorize.{name}": value for name, value in attributes.items()}
