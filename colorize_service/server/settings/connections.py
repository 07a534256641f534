"""How many connections a worker process keeps, and how long it waits for clients."""

from pydantic import BaseModel, Field


class ConnectionSettings(BaseModel):
    """Threads, connections, headers, and the times that clients have."""

    threads: int = Field(
        default=16, ge=1, description="Request threads that a worker keeps; others come and go as they are needed."
    )
    connections: int = Field(
        default=1000,
        ge=10,
        le=100_000,
        description="Connections of a worker, idle ones among them; beyond, those that have been idle longest, and "
        "then the slowest, give way.",
    )
    body_timeout: float = Field(
        default=60, gt=0, description="Longest time a client may take to send its request body."
    )
    send_timeout: float = Field(
        default=120, gt=0, description="Longest time a client may go without taking anything of its answer."
    )
    header_timeout: float = Field(
        default=10, gt=0, description="Longest time a client may take to send its request headers."
    )
    keepalive: int = Field(
        default=75,
        ge=1,
        description="How long an idle connection is kept open; longer than the proxy in front keeps its own.",
    )
    header_fields: int = Field(default=100, ge=20, le=1000, description="Most headers of a request; beyond: `431`.")
    header_field_bytes: int = Field(
        default=16 * 2**10,
        ge=4 * 2**10,
        description="Largest header of a request in bytes, with its name; above: `431`, but `401` if it is the token.",
    )
    header_bytes: int = Field(
        default=64 * 2**10,
        ge=8 * 2**10,
        le=2**20,
        description="Largest headers of a request together, in bytes; above: `431`.",
    )
    graceful_timeout: int = Field(
        default=90, gt=0, description="How long a stopping server lets requests in work finish."
    )
