"""How large photos may be, and how many of them a worker process holds and works on."""

from pydantic import BaseModel, Field

from colorize_service.options import JPEG_QUALITY
from colorize_service.process import available_cpus


def _share_of_cpus(values: dict[str, int]) -> int:
    return max(1, available_cpus() // values.get("workers", 1))


class WorkSettings(BaseModel):
    """Limits of requests and pictures, worker processes, and the queue of each."""

    max_upload_bytes: int = Field(
        default=32 * 2**20, ge=1024, description="Largest request body in bytes; above: `413`."
    )
    max_held_bytes: int = Field(
        default=256 * 2**20,
        ge=1024,
        description="Bytes of requests that a worker holds at a time while they come and wait, `MAX_UPLOAD_BYTES` "
        "at least; beyond: `503`.",
    )
    max_pixels: int = Field(default=50_000_000, ge=1, description="Largest picture in pixels; above: `400`.")
    jpeg_quality: int = Field(
        default=JPEG_QUALITY,
        ge=50,
        le=100,
        description="JPEG quality of stored pictures; from 96 on the encoder keeps the luminance most exactly.",
    )

    workers: int = Field(default=1, ge=1, description="Worker processes; each holds one copy of the model.")
    max_in_work: int = Field(
        default_factory=_share_of_cpus,
        ge=1,
        description="Photos in work at a time in a worker, and as many uploads beside them; unset: the CPU cores "
        "divided by `WORKERS`. With ColorizeNet twice `MAX_BATCH` photos if that is more.",
    )
    max_waiting: int = Field(default=32, ge=0, description="Photos that may wait in a worker; beyond: `503` at once.")
    queue_timeout: float = Field(default=60, gt=0, description="Longest wait of a photo for its turn, in seconds.")
    onnx_threads: int = Field(
        default_factory=_share_of_cpus,
        ge=1,
        description="ONNX Runtime threads of a worker; unset: the CPU cores divided by `WORKERS`.",
    )
