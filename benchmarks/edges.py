"""``python -m benchmarks.edges``: how well enlarged chroma keeps to a photo's edges, against plain bilinear enlarging.

The true chroma of colour photos is reduced to what the model puts out, 48 samples on the shorter side, and enlarged
again on the photo's own luma: by the service, and bilinearly. The floor is the same JPEG made with the true chroma. The
photos have about 512 pixels a side; enlarged, they are those of which more pixels share a sample of chroma, as soft as
large photos often are.
"""

import io

import numpy as np
from PIL import Image
from skimage import data
from skimage.filters import sobel

from colorize_service.imaging import add_chroma

PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "motorcycle")
SHORTER_SIDE = 48
ENLARGED = 4, 7  # to 4 and 12 megapixels
QUALITY = 96


def photo(name: str, times: int) -> Image.Image:
    """The photo in colour, each side ``times`` as long."""
    pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    image = Image.fromarray(pixels)
    return image.resize((times * image.width, times * image.height), Image.Resampling.LANCZOS)


def errors(shown: Image.Image, true: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """Mean distance in (Cb, Cr) everywhere and at edges, in levels."""
    distance = np.linalg.norm(np.asarray(shown.convert("YCbCr"))[..., 1:].astype(float) - true, axis=2)
    return distance.mean(), distance[edges].mean()


def measure(name: str, times: int = 1) -> list[tuple[float, float]]:
    """Errors of bilinear enlarging, of the service's, and of the JPEG alone."""
    image = photo(name, times).convert("YCbCr")
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
    rows = [measure(name) for name in PHOTOS]
    names = [*PHOTOS, "mean"]
    rows.append(np.mean(rows, axis=0))
    for times in ENLARGED:
        names.append(f"mean, {times} times as large")
        rows.append(np.mean([measure(name, times) for name in PHOTOS], axis=0))
    print("| photo | bilinear | guided | floor | at edges: bilinear | guided | floor |\n|---|---|---|---|---|---|---|")
    for name, row in zip(names, np.array(rows), strict=True):
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in [*row[:, 0], *row[:, 1]]) + " |")


if __name__ == "__main__":
    main()
