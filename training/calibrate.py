"""Weigh vividness against error: ``python -m training.calibrate --checkpoint FILE… --photos DIR``.

For temperatures of the annealed mean, shares of the rare bins' weight that are taken back, and shares of a picture's
mean chroma (its cast) that are taken away, it finds the vividness that gives results the wanted colourfulness, and
prints the figures of ``training.evaluate`` there: settings of equal colourfulness can be compared, and go into
``training.export``. The network runs once for each photo and size.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorize_service import colour
from colorize_service.imaging import add_chroma, open_photo, shrink
from colorize_service.options import JPEG_QUALITY
from training import checkpoints, metrics
from training.evaluate import SIDE, chroma_of
from training.export import load_model, processing
from training.losses import bin_rarity
from training.network import ColorizeNetLite
from training.photos import SPLITS, Photo, validation_photos
from training.shipped import MAX_PIXELS, Pixels, decoded, resized

Floats = NDArray[np.float32]


class Seen:
    """A photo as the service decodes and shrinks it."""

    def __init__(self, photo: Photo, shorter_side: int):
        opened = open_photo(photo.data, max_pixels=MAX_PIXELS)
        self.luma = opened.luma()
        self.small = shrink(self.luma, processing(shorter_side).size(*opened.size))
        self.original = resized(photo.rgb, SIDE, SIDE)

    def result(self, ab: Floats) -> Pixels:
        """What the service makes of this chroma, float32 (2, h, w): sRGB uint8 (SIDE, SIDE, 3), to be compared."""
        chroma = colour.chroma(colour.lightness(self.small), ab)
        return resized(decoded(add_chroma(self.luma, chroma, JPEG_QUALITY, self.small)), SIDE, SIDE)


def logits_of(model: ColorizeNetLite, seen: Seen) -> Tensor:
    """Logits over the bins, float16 (Q, h, w), of one photo without hints."""
    luminance = torch.from_numpy(colour.lightness(seen.small))[None, None]
    with torch.no_grad():
        return model(luminance, torch.zeros(1, 3, *seen.small.shape))[0][0].half()


def small_chroma(model: ColorizeNetLite, logits: Sequence[Tensor], temperature: float, shift: Tensor) -> list[Floats]:
    """Decode all photos' logits with ``shift``, float32 (Q,), added: list of float32 (2, h, w)."""
    model.temperature.fill_(temperature)
    return [model.decode(scores[None].float() + shift[None, :, None, None])[0].numpy() for scores in logits]


def without_cast(chroma: Sequence[Floats], share: float) -> list[Floats]:
    """Take away that share of each picture's mean: list of float32 (2, h, w)."""
    return [ab - np.float32(share) * ab.mean(axis=(1, 2), keepdims=True) for ab in chroma]


def measure(chroma: Sequence[Floats], photos: Sequence[Seen], vividness: float) -> NDArray[np.float64]:
    """PSNR, chroma error, chroma kept and colourfulness, float (4,), means over the photos."""
    rows, true_chroma = [], []
    for ab, seen in zip(chroma, photos, strict=True):
        result = seen.result(ab * np.float32(vividness))
        result_ab, original_ab = chroma_of(result), chroma_of(seen.original)
        true_chroma.append(metrics.mean_chroma(original_ab))
        error, kept = metrics.chroma_error(result_ab, original_ab), metrics.mean_chroma(result_ab)
        rows.append([metrics.psnr(result, seen.original), error, kept, metrics.colourfulness(result)])
    means = np.array(rows).mean(axis=0)
    means[2] /= np.mean(true_chroma)
    return means


def at_colourfulness(
    chroma: Sequence[Floats], photos: Sequence[Seen], wanted: float, rounds: int = 8
) -> tuple[float, NDArray[np.float64]]:
    """The vividness at which the results have the wanted colourfulness, by bisection, and the figures there."""
    low, high = 0.6, 2.4
    for _ in range(rounds):
        vividness = math.sqrt(low * high)
        means = measure(chroma, photos, vividness)
        low, high = (vividness, high) if means[3] < wanted else (low, vividness)
    return vividness, means


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, nargs="+", help="several of one run are averaged")
    parser.add_argument("--photos", required=True, type=Path, help="folder of val.tar and val-diverse.tar")
    parser.add_argument("--split", choices=SPLITS, default="val-diverse")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.2, 0.3, 0.38, 0.5])
    parser.add_argument("--rebalance", type=float, nargs="+", default=[-0.5, 0.0, 0.5])
    parser.add_argument("--cast", type=float, nargs="+", default=[0.0], help="shares of the mean chroma to take away")
    parser.add_argument("--shorter-side", type=int, nargs="+", default=[192], help="processing sizes in pixels")
    parser.add_argument("--colourfulness", type=float, default=30.5, help="of the results, mean over the photos")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th photo only")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    soup = checkpoints.soup(args.checkpoint)
    model = load_model(soup)
    rarity = torch.from_numpy(np.log(bin_rarity(soup["prior"].numpy()))).float()
    photos = validation_photos(args.photos, args.split, "choose")[:: args.stride]
    print(
        "| side | temperature | rebalance | cast | vividness | PSNR dB | chroma error | chroma kept | colourfulness |"
    )
    print("|" + "---|" * 9)
    for side in args.shorter_side:
        seen = [Seen(photo, side) for photo in photos]
        logits = [logits_of(model, each) for each in seen]
        for rebalance in args.rebalance:
            for temperature in args.temperatures:
                chroma = small_chroma(model, logits, temperature, -rebalance * rarity)
                for cast in args.cast:
                    settled = at_colourfulness(without_cast(chroma, cast), seen, args.colourfulness)
                    vividness, (psnr, error, kept, colourful) = settled
                    settings = f"{side} | {temperature} | {rebalance} | {cast} | {vividness:.2f}"
                    print(f"| {settings} | {psnr:.2f} | {error:.2f} | {kept:.2f} | {colourful:.1f} |", flush=True)


if __name__ == "__main__":
    main()
