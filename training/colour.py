"""Colour conversion and the quantised in-gamut chroma plane, in NumPy alone.

All conversions are sRGB <-> CIE L*a*b* with the D65 white point (IEC 61966-2-1; CIE 15). L* is 0..100; a* and b* of
sRGB colours stay within -110..110.
"""

import numpy as np

WHITE_D65 = np.array([0.95047, 1.0, 1.08883], np.float32)
RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float32
)
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ.astype(np.float64)).astype(np.float32)

# Scale that brings a* and b* of every sRGB colour within -1..1.
AB_SCALE = 110.0


def _srgb_to_linear(values):
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


_LINEAR_OF_BYTE = _srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
_RGB_TO_WHITE_XYZ = (RGB_TO_XYZ / WHITE_D65[:, None]).T.copy()


def rgb_to_lab(rgb):
    """Convert sRGB bytes, uint8 (..., 3), to CIE Lab, float32 (..., 3)."""
    xyz = _LINEAR_OF_BYTE[rgb] @ _RGB_TO_WHITE_XYZ
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    lab = np.empty_like(f)
    lab[..., 0] = 116.0 * f[..., 1] - 16.0
    lab[..., 1] = 500.0 * (f[..., 0] - f[..., 1])
    lab[..., 2] = 200.0 * (f[..., 1] - f[..., 2])
    return lab


def lab_to_rgb(lab):
    """Convert CIE Lab, float (..., 3), to sRGB bytes, uint8 (..., 3); what lies outside the gamut is clipped."""
    lab = np.asarray(lab, np.float32)
    fy = (lab[..., 0] + 16.0) / 116.0
    f = np.stack([fy + lab[..., 1] / 500.0, fy, fy - lab[..., 2] / 200.0], axis=-1)
    xyz = np.where(f > 0.206893, f**3, (f - 16.0 / 116.0) / 7.787) * WHITE_D65
    linear = np.clip(xyz @ XYZ_TO_RGB.T, 0.0, 1.0)
    srgb = np.where(linear > 0.0031308, 1.055 * linear ** (1.0 / 2.4) - 0.055, 12.92 * linear)
    return np.rint(srgb * 255.0).astype(np.uint8)


def gamut_bins(grid=10):
    """Return the centres of the ab bins that sRGB reaches, float32 (Q, 2), sorted by a* then b*.

    The plane is quantised with steps of ``grid`` as by Zhang, Isola, Efros, "Colorful Image Colorization" (ECCV
    2016); here a bin counts as in gamut when a colour of a regular 33x33x33 grid of sRGB falls into it, which makes
    259 of them.
    """
    levels = np.rint(np.linspace(0, 255, 33)).astype(np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = np.unique(np.rint(rgb_to_lab(rgb)[:, 1:] / grid).astype(int), axis=0)
    return (cells * grid).astype(np.float32)


def soft_encode(ab, bins, neighbours=5, sigma=5.0):
    """Spread each chroma over its nearest bins with Gaussian weights (Zhang et al. 2016, section 2.2).

    ab: float (N, 2). bins: float32 (Q, 2). Returns indices int64 (N, neighbours), nearest first, and weights float32
    of the same shape that sum to one.
    """
    distance = np.linalg.norm(ab[:, None, :] - bins[None], axis=-1)
    indices = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
    nearest = np.take_along_axis(distance, indices, axis=1)
    # The offset cancels in the quotient and keeps it defined far from every bin.
    weights = np.exp((nearest[:, :1] ** 2 - nearest**2) / (2.0 * sigma**2))
    return indices, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
