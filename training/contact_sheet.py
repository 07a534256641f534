"""Draw a contact sheet: ``python -m training.contact_sheet --photos DIR --bundle DIR --out FILE``.

Each photo three times: gray, colorized, original. They are taken by a fixed seed, none chosen by hand; or, with
``--worst``, they are those with the largest error.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from training import metrics
from training.evaluate import SIDE, chroma_of
from training.photos import SPLITS, Photo, validation_photos
from training.shipped import Pixels, Shipped, resized

CELL = 148
GAP = 4


def choose(photos: Sequence[Photo], count: int, seed: int) -> list[Photo]:
    """``count`` of the photos by seed, in the order in which the seed drew them."""
    return [photos[i] for i in np.random.default_rng(seed).choice(len(photos), count, replace=False)]


def worst(photos: Sequence[Photo], count: int, model: Shipped) -> list[Photo]:
    """``count`` of the photos, those with the largest chroma error, the largest first."""

    def error(photo: Photo) -> float:
        made, true = (chroma_of(resized(rgb, SIDE, SIDE)) for rgb in (model.colorize(photo.data), photo.rgb))
        return metrics.chroma_error(made, true)

    return sorted(photos, key=error, reverse=True)[:count]


def triple(photo: Photo, model: Shipped) -> tuple[Pixels, Pixels, Pixels]:
    """Gray, colorized and original version of a photo, three sRGB uint8 (H, W, 3)."""
    return model.gray(photo.data), model.colorize(photo.data), photo.rgb


def draw(triples: Sequence[tuple[Pixels, Pixels, Pixels]], columns: int) -> Image.Image:
    """Lay out triples of pictures, ``columns`` triples in a row, each picture fitted into a square cell."""
    rows = -(-len(triples) // columns)
    width, height = columns * (3 * CELL + 3 * GAP) - GAP, rows * (CELL + GAP) - GAP
    sheet = Image.new("RGB", (width, height), "white")
    for i, pictures in enumerate(triples):
        for j, picture in enumerate(pictures):
            image = ImageOps.contain(Image.fromarray(picture), (CELL, CELL), Image.Resampling.LANCZOS)
            left = (i % columns) * (3 * CELL + 3 * GAP) + j * CELL + (CELL - image.width) // 2
            sheet.paste(image, (left, (i // columns) * (CELL + GAP) + (CELL - image.height) // 2))
    return sheet


def main(argv: Sequence[str] | None = None) -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(prog="python -m training.contact_sheet", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--bundle", required=True, type=Path, help="bundle's folder")
    parser.add_argument("--out", required=True, type=Path, help="JPEG or PNG")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--columns", type=int, default=4, help="triples in a row")
    parser.add_argument("--seed", type=int, default=24)
    parser.add_argument("--worst", action="store_true", help="those with the largest error, instead of by seed")
    args = parser.parse_args(argv)
    model, photos = Shipped(args.bundle), validation_photos(args.photos, args.split)
    photos = worst(photos, args.count, model) if args.worst else choose(photos, args.count, args.seed)
    draw([triple(photo, model) for photo in photos], args.columns).save(args.out, quality=88)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB: {', '.join(photo.name for photo in photos)}")


if __name__ == "__main__":
    main()
