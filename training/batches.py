"""Training batches: crops, their degraded luminance, simulated hints and the chroma to learn. NumPy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from colorize_service import colour
from training.degrade import degrade
from training.photos import CropSampler
from training.simulated_hints import choose_patches, paint_hints, random_count, recolour

Floats = NDArray[np.float32]

SIDES = (128, 160, 192)

# Share of the hinted pictures in which a surface gets a colour that nobody would guess.
RECOLOURED = 0.5


@dataclass(frozen=True)
class Batch:
    """N crops: luminance (N, 1, H, W), hints (N, 3, H, W) and true chroma ab (N, 2, H/4, W/4), float32."""

    luminance: Floats
    hints: Floats
    ab: Floats


def quarter(planes: Floats) -> Floats:
    """Mean over cells of 4x4: (C, H, W) to (C, H/4, W/4)."""
    channels, height, width = planes.shape
    return planes.reshape(channels, height // 4, 4, width // 4, 4).mean(axis=(2, 4))


def make_example(rgb: NDArray[np.uint8], rng: Generator) -> tuple[Floats, Floats, Floats]:
    """Turn one crop, uint8 (H, W, 3), into luminance (1, H, W), hints (3, H, W) and ab (2, H/4, W/4), float32."""
    lab = np.ascontiguousarray(colour.lab(rgb).transpose(2, 0, 1))
    luminance, ab = lab[0], lab[1:]
    seen, frame = degrade(luminance, colour.linear(rgb), rng)
    if frame is not None:
        ab = np.where(frame, np.float32(0.0), ab)
    patches = choose_patches(luminance.shape[0], luminance.shape[1], rng, random_count(rng))
    if patches and rng.random() < RECOLOURED:
        ab = recolour(luminance, ab, patches[0], rng)
    return seen[None], paint_hints(ab, patches), quarter(ab)


def make_batch(sampler: CropSampler, rng: Generator, pixels: int = 32 * 128 * 128) -> Batch:
    """Draw the next batch of ``sampler``: sides from SIDES, independent, so that shapes vary too.

    A batch holds about ``pixels`` whatever the size of its crops, so that every step costs the same.
    """
    height, width = (int(side) for side in rng.choice(SIDES, 2))
    count = max(1, pixels // (height * width))
    examples = [make_example(sampler.crop(height, width), rng) for _ in range(count)]
    return Batch(*(np.stack(parts) for parts in zip(*examples, strict=True)))
