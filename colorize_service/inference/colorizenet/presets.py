"""Named ways to sample: the author's own, a fast one, and one for small CPUs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """How photos are sampled, unless a request sets other options.

    Attributes:
        sampler: a name in ``schedulers.SAMPLERS``.
        steps, guidance_scale: None: the bundle's own.
        guidance_interval: the shares of the sampling, 0 to 1, between which it is guided.
        largest_side: of the picture that the model sees, in pixels; None: the bundle's processing size.
    """

    sampler: str
    steps: int | None = None
    guidance_scale: float | None = None
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    largest_side: int | None = None


PRESETS = {
    # As the author of ColorizeNet runs it: 20 steps, guidance 9.
    "reference": Preset("ddim"),
    "fast": Preset("dpm-solver", steps=10),
    "cpu": Preset("dpm-solver", steps=6, guidance_interval=(0.3, 0.7), largest_side=256),
}
