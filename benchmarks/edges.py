"""``python -m benchmarks.edges``: how well enlarged chroma keeps to a photo's edges, against plain bilinear enlarging.

The true chroma of colour photos is reduced to what the model puts out, a 48th of the shorter side, and enlarged again on
the photo's own luma: by the service, and bilinearly. The floor is the same JPEG made with the true chroma.
"""

import io

import numpy as np
from PIL import Image
from skimage import data
from skimage.filters import sobel

from colorize_service.imaging import add_chroma

PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "motorcycle")
SHORTER_SIDE = 48
QUALITY = 95


def photo(name: str) -> Image.Image:
    image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return Image.fromarray(image)


def errors(shown: Image.Image, true: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """Mean distance in (Cb, Cr) everywhere and at edges, in levels."""
    distance = np.linalg.norm(np.asarray(shown.convert("YCbCr"))[..., 1:].astype(float) - true, axis=2)
    return distance.mean(), distance[edges].mean()


def measure(name: str) -> list[tuple[float, float]]:
    """Errors of bilinear enlarging, of the service's, and of the JPEG alone."""
    image = photo(name).convert("YCbCr")
    luma, cb, cr = image.split()
    scale = SHORTER_SIDE / min(image.size)
    small = [plane.resize([round(side * scale) for side in image.size], Image.Resampling.BOX) for plane in (cb, cr)]
    true = np.asarray(image)[..., 1:].astype(float)
    gradient = sobel(true[..., 0]) + sobel(true[..., 1])
    edges = gradient > np.percentile(gradient, 92)
    bilinear = Image.merge("YCbCr", (luma, *(plane.resize(image.size, Image.Resampling.BILINEAR) for plane in small)))
    service = add_chroma(luma, np.stack([np.asarray(plane) for plane in small], axis=-1), QUALITY)
    buffers = io.BytesIO(), io.BytesIO(service), io.BytesIO()
    bilinear.save(buffers[0], "JPEG", quality=QUALITY)
    image.save(buffers[2], "JPEG", quality=QUALITY)
    return [errors(Image.open(buffer), true, edges) for buffer in buffers]


def main() -> None:
    rows = np.array([measure(name) for name in PHOTOS])
    print("| photo | bilinear | guided | floor | at edges: bilinear | guided | floor |\n|---|---|---|---|---|---|---|")
    for name, row in [*zip(PHOTOS, rows, strict=True), ("mean", rows.mean(axis=0))]:
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in [*row[:, 0], *row[:, 1]]) + " |")


if __name__ == "__main__":
    main()
