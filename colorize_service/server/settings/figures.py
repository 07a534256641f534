"""What operators see: figures for Prometheus, traces, and the log."""

from typing import Literal

from pydantic import BaseModel, Field

from colorize_service.server.settings.values import AbsoluteUrl, ListenAddress


class FigureSettings(BaseModel):
    """Where the figures are, and how the log is written."""

    metrics_path: str = Field(
        default="/metrics", pattern=r"^/[A-Za-z0-9._~/-]+$", description="Path of the figures for Prometheus."
    )
    metrics_host: ListenAddress = Field(default="127.0.0.1", description="Address to listen on for the figures.")
    metrics_port: int = Field(
        default=9464,
        ge=0,
        le=65535,
        description="Port of the figures alone; the same as `PORT`: there, for all who reach it; `0`: no figures.",
    )

    otel_exporter_otlp_endpoint: AbsoluteUrl | None = Field(
        default=None,
        description="Address of a collector to send traces to, by OTLP over HTTP, such as `http://collector:4318`.",
    )

    log_format: Literal["json", "text"] = Field(default="json", description="Log lines as JSON objects or for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
