"""Measure where a hint's colour goes: ``python -m training.stray --photos DIR --bundle DIR…``.

A photo gets one strong hint that nobody would guess and is compared with itself without it: on the surface under the
hint its chroma should change, elsewhere not. Surfaces are those that were drawn by hand in ``drawn_surfaces.json``, of
people in the street in photos of ``val.tar``, three places on each; or, with ``--split``, in any photo at a random
place what has one colour there (``training.simulated_hints.surface``).
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from colorize_service import colour
from colorize_service.options import Hint
from training.batches import quarter
from training.evaluate import chroma_of
from training.photos import SPLITS, Photo, validation_photos
from training.shipped import Shipped, resized
from training.simulated_hints import surface

CHROMA = 60.0
VISIBLE = 12.0
LIGHTNESS = 55.0
PLACES = 3

DRAWN = Path(__file__).with_name("drawn_surfaces.json")
#: Polygons: x and y in per cent of the picture.
Polygons = list[list[tuple[float, float]]]
Mask = NDArray[np.bool_]


class Case(NamedTuple):
    """A hint, and what is surely its surface, and surely not: bool (H, W) of the photo's size in multiples of 4."""

    photo: Photo
    hint: Hint
    on: Mask
    off: Mask


def drawn(photos: Sequence[Photo]) -> Iterator[Case]:
    """Hints on the surfaces that were drawn; two pixels on either side of an outline belong to neither."""
    surfaces = msgspec.json.decode(DRAWN.read_bytes(), type=dict[str, dict[str, Polygons]])
    for photo in photos:
        for name, polygons in surfaces.get(photo.name, {}).items():
            width, height = _size(photo)
            mask = Image.new("L", (width, height))
            for polygon in polygons:
                points = [(x * width / 100, y * height / 100) for x, y in polygon]
                ImageDraw.Draw(mask).polygon(points, fill=255)
            on = np.asarray(mask.filter(ImageFilter.MinFilter(5))) > 0
            off = np.asarray(ImageChops.invert(mask.filter(ImageFilter.MaxFilter(5)))) > 0
            rng = np.random.default_rng(zlib.crc32(f"{photo.name} {name}".encode()))
            rows, columns = np.nonzero(on)
            for at in rng.integers(len(rows), size=PLACES):
                yield Case(photo, _hint((columns[at] + 0.5) / width, (rows[at] + 0.5) / height, rng), on, off)


def of_one_colour(photos: Sequence[Photo]) -> Iterator[Case]:
    """A hint at a random place of each photo, on what is connected with it and has its colour."""
    for photo in photos:
        width, height = _size(photo)
        rng = np.random.default_rng(zlib.crc32(photo.name.encode()))
        lab = colour.lab(resized(photo.rgb, width, height)).transpose(2, 0, 1)
        x, y = rng.uniform(0.1, 0.9, 2)
        top, left = int(y * height) - 2, int(x * width) - 2
        member = surface(lab[0], lab[1:], (slice(top, top + 5), slice(left, left + 5)))
        share = np.kron(quarter(member[None])[0], np.ones((4, 4), np.float32))
        case = Case(photo, _hint(x, y, rng), share > 0.5, share < 0.02)
        if case.on.any() and case.off.any():
            yield case


def _size(photo: Photo) -> tuple[int, int]:
    height, width = (side // 4 * 4 for side in photo.rgb.shape[:2])
    return width, height


def _hint(x: float, y: float, rng: Generator) -> Hint:
    angle = rng.uniform(0.0, 2.0 * np.pi)
    lab = np.array([LIGHTNESS, CHROMA * np.cos(angle), CHROMA * np.sin(angle)], np.float32)
    red, green, blue = (int(part) for part in colour.rgb(lab))
    return Hint(float(x), float(y), (red, green, blue))


def changes(model: Shipped, case: Case) -> NDArray[np.float64]:
    """How far each pixel's a* and b* move, float (H, W)."""
    height, width = case.on.shape
    plain, hinted = (
        chroma_of(resized(model.colorize(case.photo.data, hints), width, height)) for hints in ((), (case.hint,))
    )
    return np.hypot(*(hinted - plain))


def figures(change: NDArray[np.float64], case: Case) -> tuple[float, float, float, float]:
    """The surface's mean change, the share of it that is reached (by half of the change at the hint), and elsewhere the
    mean change and the share that changes visibly."""
    height, width = change.shape
    row, column = int(case.hint.y * height), int(case.hint.x * width)
    at_hint = change[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].mean()
    on, off = change[case.on], change[case.off]
    return on.mean(), (on >= at_hint / 2).mean(), off.mean(), (off > VISIBLE).mean()


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m training.stray", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--split", choices=SPLITS, help="surfaces of one colour in these; else the drawn ones")
    parser.add_argument("--bundle", required=True, type=Path, nargs="+", help="bundles' folders")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th hint only")
    args = parser.parse_args(argv)
    photos = validation_photos(args.photos, args.split or "val")
    cases = list(of_one_colour(photos) if args.split else drawn(photos))[:: args.stride]
    print(
        f"| {len(cases)} hints of chroma {CHROMA:.0f} | on their surface | of it reached | elsewhere | visible there |"
    )
    print("|---|---|---|---|---|")
    for path in args.bundle:
        model = Shipped(path)
        on, reached, off, visible = np.mean([figures(changes(model, case), case) for case in cases], axis=0)
        print(f"| {path} | {on:.1f} | {100 * reached:.0f} % | {off:.2f} | {100 * visible:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
