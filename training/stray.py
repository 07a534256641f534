"""Measure where a hint's colour goes: ``python -m training.stray --photos DIR --bundle FILE…``.

Each photo gets one strong hint that nobody would guess, at a random place, and is compared with itself without it: on
the connected surface under the hint (``training.hints.surface``) its chroma should change, elsewhere not.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np

from training.batches import quarter
from training.colorizer import Colorizer, hint_planes, lightness_of, luma_of, processing_size, resize
from training.colour import rgb_to_lab
from training.hints import surface
from training.photos import read_photos

CHROMA = 45.0
VISIBLE = 10.0


def prepare(photo, shorter_side):
    """Luminance (1, 1, H, W) and hints (1, 3, H, W) to feed, and membership of the surface, float32 (H/4, W/4)."""
    rng = np.random.default_rng(zlib.crc32(photo.name.encode()))
    rgb = photo.rgb
    width, height = processing_size(rgb.shape[1], rgb.shape[0], shorter_side)
    lab = rgb_to_lab(resize(rgb, width, height)).transpose(2, 0, 1)
    (x, y), angle = rng.uniform(0.1, 0.9, 2), rng.uniform(0.0, 2.0 * np.pi)
    top, left = int(y * height) - 2, int(x * width) - 2
    member = surface(lab[0], lab[1:], (slice(top, top + 5), slice(left, left + 5)))
    hints = hint_planes([(x, y, CHROMA * np.cos(angle), CHROMA * np.sin(angle))], width, height)
    return lightness_of(resize(luma_of(rgb), width, height))[None, None], hints, quarter(member[None])[0]


def figures(model, photo):
    """Chroma change on the surface and off it, and the share of the latter that changes visibly; float (3,)."""
    luminance, hints, member = prepare(photo, model.shorter_side)
    change = np.hypot(*(model.predict(luminance, hints) - model.predict(luminance))[0])
    off = change[member < 0.02]
    return np.array([np.average(change, weights=member), off.mean(), (off > VISIBLE).mean()]) if off.size else None


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m training.stray", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar")
    parser.add_argument("--bundle", required=True, type=Path, nargs="+", help="bundles' folders or ONNX files")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th photo only")
    args = parser.parse_args(argv)
    photos = list(read_photos([args.photos / "val.tar"]))[:: args.stride]
    print(
        f"| {len(photos)} photos, a hint of chroma {CHROMA:.0f} | change on its surface | elsewhere | visible there |"
    )
    print("|---|---|---|---|")
    for path in args.bundle:
        model = Colorizer(path)
        rows = [row for row in (figures(model, photo) for photo in photos) if row is not None]
        on, off, visible = np.mean(rows, axis=0)
        print(f"| {path} | {on:.1f} | {off:.2f} | {100 * visible:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
