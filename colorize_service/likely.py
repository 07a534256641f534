"""Which colours a surface most likely has, of what a model thinks of all colours: a few that one can tell apart.

After Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (2017), section 3.2, whose tool
suggests the modes of the network's distribution at a point. Here they are those of the surface, and the distribution
is taken as it is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Colours at most.
MOST_COLOURS = 8
#: Colours of a lesser share are left out.
LEAST_SHARE = 0.02

# Colours within this distance are one colour. That is in a* and b*, in which differences between strong colours count
# less, by about what CIE 94 has for hue and chroma: several visible differences, since a model's bins are 10 apart.
_ALIKE = 11.0
_COMPRESSION = 0.03
# Two means that are nearer than this are one colour as well.
_APART = _ALIKE / 2


@dataclass(frozen=True)
class LikelyColour:
    """A colour that a surface may have.

    Attributes:
        rgb: sRGB, each part 0 to 255.
        share: how likely it is that one or one that looks like it, 0 to 1, in thousandths. The shares of a surface's
            colours are no more than 1 together.
    """

    rgb: tuple[int, int, int]
    share: float

    @property
    def hex(self) -> str:
        """``#rrggbb``."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)


def likely_colours(luma: int, bins: Floats, chances: Floats) -> list[LikelyColour]:
    """The most likely colours at a luma, each once, the most likely first.

    The likeliest is the disc of colours that look alike which holds most of the chances, the next that which holds most
    of what is left. Each stands for its mean.

    Args:
        luma: 0 to 255.
        bins: a* and b* of all colours, float32 (q, 2).
        chances: how likely each is, float32 (q,); they sum to 1.

    Returns:
        at most ``MOST_COLOURS``, as a result shows them: of that luma, and in sRGB.
    """
    places = _places(_shown(luma, bins))
    alike = np.linalg.norm(places[:, None] - places, axis=2) <= _ALIKE
    left = chances.astype(np.float64)
    found: list[tuple[Doubles, float]] = []
    while len(found) < MOST_COLOURS:
        within = alike[np.argmax(alike @ left)]
        share = left[within].sum()
        if share < LEAST_SHARE:
            break
        found.append((np.average(bins[within], axis=0, weights=left[within]), share))
        left[within] = 0
    return _apart(luma, found)


def _apart(luma: int, found: list[tuple[Doubles, float]]) -> list[LikelyColour]:
    """The means with their shares as colours; one that looks like an earlier one counts for that."""
    rgb = _shown(luma, np.stack([mean for mean, _ in found]).astype(np.float32))
    places, shares = _places(rgb), [share for _, share in found]
    kept: list[int] = []
    for i, place in enumerate(places):
        same = next((k for k in kept if np.linalg.norm(places[k] - place) < _APART), None)
        if same is None:
            kept.append(i)
        else:
            shares[same] += shares[i]
    colours = [LikelyColour(_rgb(rgb[i]), min(math.floor(1000 * shares[i]), 1000) / 1000) for i in kept]
    return sorted(colours, key=lambda each: -each.share)


def _shown(luma: int, ab: Floats) -> NDArray[np.uint8]:
    """Colours of a* and b*, float32 (n, 2), as a result shows them at a luma: uint8 (n, 3)."""
    lightness = np.repeat(colour.lightness(np.array([[luma]], np.uint8)), len(ab), axis=1)
    return colour.shown(luma, colour.chroma(lightness, ab.T[:, None])[0])


def _places(rgb: NDArray[np.uint8]) -> Floats:
    """Where colours lie among the colours: float32 (n, 2), in units of about a visible difference."""
    ab = colour.lab(rgb)[:, 1:]
    strength = _COMPRESSION * np.maximum(np.hypot(ab[:, 0], ab[:, 1]), 1e-3)
    return (ab * (np.log1p(strength) / strength)[:, None]).astype(np.float32)


def _rgb(pixel: NDArray[np.uint8]) -> tuple[int, int, int]:
    red, green, blue = pixel.tolist()
    return red, green, blue
