"""The luminance of a picture of more than 8 bits, in 16."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service import colour
from colorize_service.imaging.curves import Matrix, curve_of_gray, matrix_of
from colorize_service.imaging.levels import STRIP
from colorize_service.imaging.profiles import to_srgb

Samples = NDArray[np.uint16]

_MOST = 65535
_GRAYS = np.repeat(np.arange(_MOST + 1, dtype=np.uint16)[:, None], 3, axis=1)


def luma_of(samples: Samples, icc: bytes | None) -> Samples | None:
    """Y of BT.601 from sRGB, over white, in 16 bits: (height, width).

    Args:
        samples: (height, width, n): 1 gray, 3 RGB, with an alpha behind them 2 or 4.
        icc: their colour profile, or None for sRGB.

    Returns:
        None where the profile is one that is applied in 8 bits only.
    """
    colours = samples.shape[2] - 1 | 1  # 1 or 3
    curve: NDArray[np.float32] | None = None
    matrix: Matrix | None = None
    if to_srgb(icc, "L" if colours == 1 else "RGB") is not None:
        assert icc is not None
        matrix = matrix_of(icc)
        if colours == 1:
            curve = curve_of_gray(icc) if matrix is None else _luma(matrix.srgb(_GRAYS))
        if curve is None and matrix is None:
            return None
    luma = np.empty(samples.shape[:2], np.uint16)
    rows = max(1, STRIP // samples.shape[1])
    for top in range(0, len(samples), rows):
        part = samples[top : top + rows]
        if colours == 1:
            gray = part[..., 0].astype(np.float32) if curve is None else curve[part[..., 0]]
        else:
            rgb = part[..., :3].astype(np.float32) if matrix is None else matrix.srgb(part[..., :3])
            gray = _luma(rgb)
        if samples.shape[2] > colours:
            opaque = part[..., -1].astype(np.float32) / np.float32(_MOST)
            gray = gray * opaque + np.float32(_MOST) * (1 - opaque)
        luma[top : top + rows] = np.minimum(np.rint(gray), _MOST)
    return luma


def _luma(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    red, green, blue = (np.float32(share) * rgb[..., i] for i, share in enumerate(colour.LUMA))
    luma: NDArray[np.float32] = red + green + blue
    return luma


def turned(luma: Samples, turn: Image.Transpose | None) -> Samples:
    """Luma turned upright; Pillow does it to pictures of 16 bits as well."""
    return luma if turn is None else np.asarray(Image.fromarray(luma).transpose(turn))
