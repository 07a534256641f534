"""Photos in gray, chroma to put on them, and what a viewer shows of the results."""

import io
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

#: Photos of scikit-image.
PHOTOS = ["camera", "coins", "moon", "page", "brick", "astronaut", "chelsea", "coffee"]


def photo_of(name: str, size: tuple[int, int] | None = None, mode: str = "L") -> Image.Image:
    """One of `PHOTOS`, in gray unless `mode` says otherwise, at (width, height)."""
    image = Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png").convert(mode)
    return image.resize(size, Image.Resampling.BICUBIC) if size else image


def flat_chroma(cb: int, cr: int, size: int = 8) -> np.ndarray:
    """One Cb and Cr all over: uint8 (size, size, 2)."""
    return np.full((size, size, 2), (cb, cr), np.uint8)


def wild_chroma(seed: int, patches: int = 16, size: int = 128) -> np.ndarray:
    """Patches of any chroma at all, most of which RGB does not have, with smooth borders: uint8 (size, size, 2)."""
    rng = np.random.default_rng(seed)
    planes = [Image.fromarray(rng.integers(0, 256, (patches, patches), np.uint8)) for _ in range(2)]
    return np.stack([np.asarray(plane.resize((size, size), Image.Resampling.BICUBIC)) for plane in planes], axis=2)


def decoded(jpeg: bytes) -> np.ndarray:
    """What a viewer shows: sRGB, int (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def luma_shown(jpeg: bytes) -> np.ndarray:
    """The luma of what a viewer shows: int (h, w)."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB").convert("L")).astype(int)


def segments(jpeg: bytes) -> list[str]:
    """The kinds of a JPEG's segments in their order, each once; there is no scan but one."""
    names = {0xE0: "APP0", 0xDB: "DQT", 0xC0: "SOF0", 0xC4: "DHT", 0xDA: "SOS"}
    found, at = [], 2
    while not found or found[-1] != "SOS":
        found.append(names.get(jpeg[at + 1], hex(jpeg[at + 1])))
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9" and b"\xff\xda" not in jpeg[at:]
    return [name for i, name in enumerate(found) if name != found[i - 1]]


#: What `segments` finds in a JPEG with nothing but the picture in it.
BASELINE = ["APP0", "DQT", "SOF0", "DHT", "SOS"]


def without_metadata(jpeg: bytes) -> bytes:
    """A JPEG without the applications' segments and comments, but for JFIF's own."""
    parts, at = [jpeg[:2]], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        parts += [jpeg[at:end]] if jpeg[at + 1] not in (*range(0xE1, 0xF0), 0xFE) else []
        at = end
    return b"".join([*parts, jpeg[at:]])
