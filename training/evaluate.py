"""Measure a model on val.tar: ``python -m training.evaluate --photos DIR --bundle DIR [--baseline FILE]``.

Every photo and every result is compared at 256x256 in sRGB; results keep the photo's luma, as those of the service do.
Chroma is that of the finished picture, after it was brought into the gamut.
"""

import argparse
import time
import zlib
from pathlib import Path

import numpy as np

from training import metrics
from training.colorizer import Colorizer, luma_of, processing_size, resize, with_chroma
from training.colour import rgb_to_lab
from training.photos import read_photos

SIDE = 256
FIGURES = ("PSNR", "SSIM", "chroma error", "chroma", "colourfulness")


def chroma_of(rgb):
    """a* and b* of sRGB uint8 (H, W, 3): float32 (2, H, W)."""
    return rgb_to_lab(rgb)[..., 1:].transpose(2, 0, 1)


def random_points(rgb, name, count):
    """True colours at ``count`` random places of a photo, the same ones for the same name: list of (x, y, a, b)."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    ab, (height, width) = chroma_of(rgb), rgb.shape[:2]
    points = []
    for x, y in rng.random((count, 2)):
        row, column = int(y * height), int(x * width)
        # The mean of a few pixels: a person takes a surface's colour, not a pixel's noise.
        around = ab[:, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        points.append((x, y, *around.mean(axis=(1, 2))))
    return points


def figures(result, original):
    """FIGURES of one picture, float (5,)."""
    ab = chroma_of(result)
    return np.array(
        [
            metrics.psnr(result, original),
            metrics.ssim(result, original),
            metrics.chroma_error(ab, chroma_of(original)),
            metrics.mean_chroma(ab),
            metrics.colourfulness(result),
        ]
    )


def measure(photos, models, hint_points):
    """Measure every model on every photo.

    models: {label: Colorizer}. hint_points: how many random hints the models that take them get, as a row of its own.
    Returns {label: float (photos, 5)}, with rows for gray and for the originals (of which PSNR and SSIM say nothing).
    """
    rows = {}
    for photo in photos:
        rgb = photo.rgb
        original = resize(rgb, SIDE, SIDE)
        luma, full_luma = luma_of(original), luma_of(rgb)
        results = {"gray": np.repeat(luma[..., None], 3, axis=2)}
        for label, model in models.items():
            points = {label: ()}
            if model.takes_hints and hint_points:
                points[f"{label}, {hint_points} hints"] = random_points(rgb, photo.name, hint_points)
            for row, hints in points.items():
                ab = [resize(plane, SIDE, SIDE) for plane in model.chroma(full_luma, hints)]
                results[row] = with_chroma(luma, np.stack(ab))
        results["original"] = original
        for label, result in results.items():
            rows.setdefault(label, []).append(figures(result, original))
    return {label: np.array(values) for label, values in rows.items()}


def format_table(rows, chosen=slice(None)):
    """The table in Markdown: a row for each label, the figures' means over the chosen photos."""
    true_chroma = rows["original"][chosen, 3].mean()
    lines = ["| | PSNR dB | SSIM | chroma error | chroma kept | colourfulness |", "|---|---|---|---|---|---|"]
    for label, values in rows.items():
        psnr, ssim, error, chroma, colour = values[chosen].mean(axis=0)
        if label == "original":
            lines.append(f"| original | | | | | {colour:.1f} |")
        else:
            kept = chroma / true_chroma
            lines.append(f"| {label} | {psnr:.2f} | {ssim:.4f} | {error:.2f} | {kept:.2f} | {colour:.1f} |")
    return "\n".join(lines)


def run_time(model, width=SIDE, height=SIDE, runs=20):
    """Median time of one run on one thread, in ms, for a picture of this shape."""
    width, height = processing_size(width, height, model.shorter_side)
    luminance = np.full((1, 1, height, width), 50.0, np.float32)
    model.predict(luminance)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model.predict(luminance)
        times.append(time.perf_counter() - start)
    return 1000.0 * float(np.median(times))


def main(argv=None):
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar")
    parser.add_argument("--bundle", required=True, type=Path, help="bundle's folder or ONNX file")
    parser.add_argument("--baseline", type=Path, help="ONNX file of a model to compare with")
    parser.add_argument("--hints", type=int, default=10, help="random hint points in the last row")
    parser.add_argument("--shorter-side", type=int, help="processing size in pixels, instead of the bundle's")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th photo only")
    args = parser.parse_args(argv)
    photos = list(read_photos([args.photos / "val.tar"]))[:: args.stride]
    models = {"baseline": Colorizer(args.baseline)} if args.baseline else {}
    models["ColorizeNet-Lite"] = Colorizer(args.bundle, args.shorter_side)
    rows = measure(photos, models, args.hints)
    print(f"{len(photos)} photos of val.tar, compared at {SIDE}x{SIDE}\n\n{format_table(rows)}")
    sources = np.array([photo.source for photo in photos])
    for source in sorted(set(sources)):
        print(f"\n{source}, {np.sum(sources == source)} photos\n\n{format_table(rows, sources == source)}")
    for label, model in models.items():
        print(f"\n{label}: {run_time(model):.1f} ms a run on one thread, shorter side {model.shorter_side}")


if __name__ == "__main__":
    main()
