"""Measure where a hint's colour goes: ``python -m training.stray --photos DIR --bundle DIR…``.

Each photo gets one strong hint that nobody would guess, at a random place, and is compared with itself without it: on
the connected surface under the hint (``training.simulated_hints.surface``) its chroma should change, elsewhere not.
"""

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from colorize_service.options import Hint
from training.batches import quarter
from training.evaluate import chroma_of
from training.photos import SPLITS, Photo, validation_photos
from training.shipped import Pixels, Shipped, resized
from training.simulated_hints import surface

CHROMA = 45.0
VISIBLE = 10.0
LIGHTNESS = 55.0


def prepare(rgb: Pixels, name: str) -> tuple[Hint, NDArray[np.float32]]:
    """A hint that nobody would guess, always the same one for a name, and the surface under it.

    Args:
        rgb: uint8 (H, W, 3), H and W multiples of 4.

    Returns:
        The hint, and how much each cell of 4x4 pixels belongs to the surface, float32 (H/4, W/4), 0 to 1.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    height, width = rgb.shape[:2]
    lab = colour.lab(rgb).transpose(2, 0, 1)
    (x, y), angle = rng.uniform(0.1, 0.9, 2), rng.uniform(0.0, 2.0 * np.pi)
    top, left = int(y * height) - 2, int(x * width) - 2
    member = surface(lab[0], lab[1:], (slice(top, top + 5), slice(left, left + 5)))
    hinted = colour.rgb(np.array([LIGHTNESS, CHROMA * np.cos(angle), CHROMA * np.sin(angle)], np.float32))
    red, green, blue = (int(part) for part in hinted)
    return Hint(x, y, (red, green, blue)), quarter(member[None])[0]


def figures(model: Shipped, photo: Photo) -> NDArray[np.float64] | None:
    """Chroma change on the surface and off it, and the share of the latter that changes visibly.

    Returns:
        float (3,); None if the surface is the whole picture.
    """
    rgb = photo.rgb
    height, width = (side // 4 * 4 for side in rgb.shape[:2])
    hint, member = prepare(resized(rgb, width, height), photo.name)
    hinted, plain = (chroma_of(resized(model.colorize(photo.data, hints), width, height)) for hints in ([hint], []))
    change = quarter(np.hypot(*(hinted - plain))[None])[0]
    off = change[member < 0.02]
    return np.array([np.average(change, weights=member), off.mean(), (off > VISIBLE).mean()]) if off.size else None


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m training.stray", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--bundle", required=True, type=Path, nargs="+", help="bundles' folders")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th photo only")
    args = parser.parse_args(argv)
    photos = validation_photos(args.photos, args.split)[:: args.stride]
    print(
        f"| {len(photos)} photos, a hint of chroma {CHROMA:.0f} | change on its surface | elsewhere | visible there |"
    )
    print("|---|---|---|---|")
    for path in args.bundle:
        model = Shipped(path)
        rows = [row for row in (figures(model, photo) for photo in photos) if row is not None]
        on, off, visible = np.mean(rows, axis=0)
        print(f"| {path} | {on:.1f} | {off:.2f} | {100 * visible:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
