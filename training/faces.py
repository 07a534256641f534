"""What a model does with skin, by how light it is: ``python -m training.faces --photos DIR --bundle DIR``.

Of photos that are a face each, the middle is compared, in three groups by its lightness. That is as much the light of
the photo as the skin's own: there is no list of who is who, and this tells nothing about people, only whether the error
grows where a face is dark or light.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from training import metrics
from training.evaluate import SIDE
from training.photos import SPLITS, Photo, validation_photos
from training.shipped import Pixels, Shipped, resized

GROUPS = ("dark", "middle", "light")
# From brows to mouth, where a face fills the picture: top, bottom, left, right as shares.
_MIDDLE = (0.35, 0.75, 0.3, 0.7)


def middle(rgb: Pixels) -> NDArray[np.float32]:
    """L*, a* and b* of a picture's middle, sRGB uint8 (H, W, 3): float32 (h, w, 3)."""
    top, bottom, left, right = (round(share * SIDE) for share in _MIDDLE)
    return colour.lab(resized(rgb, SIDE, SIDE))[top:bottom, left:right]


def figures(photo: Photo, model: Shipped) -> NDArray[np.float64]:
    """Of the middle, float (7,): L*; mean a* and b* of photo and result; chroma error of gray and of the result."""
    true, made = middle(photo.rgb), middle(model.colorize(photo.data))
    planes = [np.moveaxis(each[..., 1:], -1, 0) for each in (true, made)]
    errors = [metrics.chroma_error(each, planes[0]) for each in (np.zeros_like(planes[0]), planes[1])]
    return np.array([true[..., 0].mean(), *(plane.mean() for each in planes for plane in each), *errors])


def grouped(rows: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The rows of each of GROUPS: thirds by their first column."""
    return dict(zip(GROUPS, np.array_split(rows[np.argsort(rows[:, 0])], len(GROUPS)), strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m training.faces", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--source", default="faces", help="what the names of such photos begin with")
    parser.add_argument("--bundle", required=True, type=Path, help="bundle's folder")
    args = parser.parse_args(argv)
    photos = [photo for photo in validation_photos(args.photos, args.split) if photo.source == args.source]
    if len(photos) < len(GROUPS):
        parser.error(f"{args.split} has {len(photos)} photos of {args.source}; {len(GROUPS)} are needed.")
    model = Shipped(args.bundle)
    print("| faces | photos | L* | a*, b* of the photos | of the results | error of gray | of the results |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in grouped(np.array([figures(photo, model) for photo in photos])).items():
        light, a, b, made_a, made_b, gray, error = rows.mean(axis=0)
        print(
            f"| {name} | {len(rows)} | {light:.0f} | {a:.1f}, {b:.1f} | {made_a:.1f}, {made_b:.1f} | {gray:.1f} | "
            f"{error:.1f} |"
        )


if __name__ == "__main__":
    main()
