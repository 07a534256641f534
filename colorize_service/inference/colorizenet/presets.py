"""Sampling by name: exact, fast, or as little as a small CPU can do in time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """How photos are sampled unless a request says otherwise. None: as the bundle has it."""

    sampler: str
    steps: int | None = None
    guidance_scale: float | None = None
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    largest_side: int | None = None  # of what the model sees, in pixels


PRESETS = {
    # As the author of ColorizeNet runs it: 20 steps, guidance 9.
    "reference": Preset("ddim"),
    "fast": Preset("dpm-solver", steps=10),
    "cpu": Preset("dpm-solver", steps=6, guidance_interval=(0.3, 0.7), largest_side=256),
}
