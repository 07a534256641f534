"""Measure bundles on photos that none was trained on: ``python -m training.evaluate --photos DIR --bundle DIR…``.

Each photo goes through the service's own pipeline, from its file's bytes to a JPEG. Result and photo are compared at
256x256 in sRGB.
"""

import argparse
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from colorize_service.options import Hint
from training import metrics
from training.photos import PARTS, SPLITS, Photo, validation_photos
from training.shipped import Pixels, Shipped, resized

SIDE = 256
FIGURES = ("PSNR", "SSIM", "chroma error", "chroma", "colourfulness", "variation")


def chroma_of(rgb: Pixels) -> NDArray[np.float32]:
    """a* and b* of sRGB uint8 (H, W, 3): float32 (2, H, W)."""
    return np.moveaxis(colour.lab(rgb)[..., 1:], -1, 0)


def random_hints(rgb: Pixels, name: str, count: int) -> list[Hint]:
    """True colours at ``count`` random places of a photo, sRGB uint8 (H, W, 3), the same ones for the same name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    height, width = rgb.shape[:2]
    hints = []
    for x, y in rng.random((count, 2)):
        row, column = int(y * height), int(x * width)
        # The mean of a few pixels: a person takes a surface's colour, not a pixel's noise.
        around = rgb[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        red, green, blue = (int(part) for part in np.rint(around.mean(axis=(0, 1))))
        hints.append(Hint(float(x), float(y), (red, green, blue)))
    return hints


def figures(result: Pixels, original: Pixels, surfaces: metrics.Labels) -> NDArray[np.float64]:
    """FIGURES of one picture, float (6,); surfaces: the original's ``metrics.segments``."""
    ab, true = chroma_of(result), chroma_of(original)
    return np.array(
        [
            metrics.psnr(result, original),
            metrics.ssim(result, original),
            metrics.chroma_error(ab, true),
            metrics.mean_chroma(ab),
            metrics.colourfulness(result),
            metrics.variation_within(ab, surfaces),
        ]
    )


def results(photo: Photo, models: Mapping[str, Shipped], hints: int) -> dict[str, Pixels]:
    """What each model makes of a photo, by the label of its row in the tables; gray and the photo itself too."""
    made = {"gray": next(iter(models.values())).gray(photo.data)}
    for label, model in models.items():
        made[label] = model.colorize(photo.data)
        if model.takes_hints and hints:
            points = random_hints(photo.rgb, photo.name, hints)
            made[f"{label}, {hints} hints"] = model.colorize(photo.data, points)
    made["original"] = photo.rgb
    return {label: resized(rgb, SIDE, SIDE) for label, rgb in made.items()}


def measure(photos: Iterable[Photo], models: Mapping[str, Shipped], hints: int) -> dict[str, NDArray[np.float64]]:
    """FIGURES of every model on every photo: {label: float (photos, 6)}, with rows for gray and for the originals."""
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for photo in photos:
        made = results(photo, models, hints)
        original = made["original"]
        surfaces = metrics.segments(colour.lab(original))
        for label, result in made.items():
            rows.setdefault(label, []).append(figures(result, original, surfaces))
    return {label: np.array(values) for label, values in rows.items()}


def format_table(rows: Mapping[str, NDArray[np.float64]], chosen: slice | NDArray[np.bool_] = slice(None)) -> str:
    """The table in Markdown: a row for each label, the figures' means over the chosen photos."""
    true_chroma = rows["original"][chosen, 3].mean()
    lines = [
        "| | PSNR dB | SSIM | chroma error | chroma kept | colourfulness | variation |",
        "|" + "---|" * 7,
    ]
    for label, values in rows.items():
        psnr, ssim, error, chroma, colourful, variation = values[chosen].mean(axis=0)
        if label == "original":
            lines.append(f"| original | | | | | {colourful:.1f} | {variation:.1f} |")
        else:
            kept = chroma / true_chroma
            lines.append(
                f"| {label} | {psnr:.2f} | {ssim:.4f} | {error:.2f} | {kept:.2f} | {colourful:.1f} | {variation:.1f} |"
            )
    return "\n".join(lines)


def run_time(model: Shipped, runs: int = 20) -> float:
    """Median time of one run on one thread, in ms, for a square picture."""
    width, height = model.model.processing_size(SIDE, SIDE)
    luma = np.full((height, width), 128, np.uint8)
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        model.model.chroma(luma)
        times.append(time.perf_counter() - started)
    return 1000.0 * float(np.median(times))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--bundle", required=True, type=Path, nargs="+", help="folders of the bundles to compare")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument(
        "--part", choices=PARTS, default="all", help="report: without those that settings are chosen by"
    )
    parser.add_argument("--hints", type=int, default=10, help="random hints in a row of its own; 0 for none")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th photo only")
    args = parser.parse_args(argv)
    photos = validation_photos(args.photos, args.split, args.part)[:: args.stride]
    models = {model.name: model for model in map(Shipped, args.bundle)}
    rows = measure(photos, models, args.hints)
    print(f"{len(photos)} photos of {args.split}.tar ({args.part}), compared at {SIDE}x{SIDE}\n\n{format_table(rows)}")
    sources = np.array([photo.source for photo in photos])
    for source in sorted(set(sources)):
        print(f"\n{source}, {np.sum(sources == source)} photos\n\n{format_table(rows, sources == source)}")
    for label, model in models.items():
        print(f"\n{label}: {run_time(model):.1f} ms a run on one thread")


if __name__ == "__main__":
    main()
