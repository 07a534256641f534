"""Makes the luminance of a clean photo look like that of an old one: what the model will be asked to colorize.

Every step works on one luminance plane, float32 (H, W), CIE L* in 0 to 100, and draws what it does from a
``numpy.random.Generator``; it may leave the range, :func:`degrade` clips. :func:`film` alone needs the colours.
"""

import io

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from colorize_service import colour

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _as_image(luminance: Floats) -> Image.Image:
    return Image.fromarray(np.clip(luminance * 2.55 + 0.5, 0, 255).astype(np.uint8), "L")


def _as_luminance(image: Image.Image) -> Floats:
    return np.asarray(image, np.float32) / 2.55


def change_tone(luminance: Floats, rng: Generator, strength: float) -> Floats:
    """Gamma by up to exp(+-strength)."""
    return 100.0 * np.clip(luminance / 100.0, 0.0, 1.0) ** np.float32(np.exp(rng.uniform(-strength, strength)))


def fade(luminance: Floats, rng: Generator) -> Floats:
    """Lift the blacks and pull down the whites, as a faded print does."""
    black, white = rng.uniform(0, 35), rng.uniform(60, 100)
    return black + (white - black) / 100.0 * luminance


def blur(luminance: Floats, rng: Generator) -> Floats:
    """A soft lens or a small scan that was enlarged: a Gaussian of 0.4 to 1.8 pixels."""
    return _as_luminance(_as_image(luminance).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8))))


def vignette(luminance: Floats, rng: Generator) -> Floats:
    """Darken (or, for a bleached edge, lighten) away from a point near the centre."""
    height, width = luminance.shape
    y = (np.arange(height, dtype=np.float32) / height - rng.uniform(0.35, 0.65))[:, None]
    x = (np.arange(width, dtype=np.float32) / width - rng.uniform(0.35, 0.65))[None]
    strength = rng.uniform(0.2, 1.2)
    falloff = np.minimum(strength * (x * x + y * y), 0.9)
    if rng.random() < 0.3:
        return luminance + (100.0 - luminance) * falloff
    return luminance * (1.0 - falloff)


def grain(luminance: Floats, rng: Generator) -> Floats:
    """Gaussian noise of 1 to 9 L*; half of the time in clumps of two pixels, as coarse film has it."""
    height, width = luminance.shape
    sigma = rng.uniform(1.0, 9.0)
    if rng.random() < 0.5:
        clumps = rng.standard_normal(((height + 1) // 2, (width + 1) // 2), dtype=np.float32)
        noise = np.repeat(np.repeat(clumps, 2, axis=0), 2, axis=1)[:height, :width]
    else:
        noise = rng.standard_normal((height, width), dtype=np.float32)
    return luminance + np.float32(sigma) * noise


def scratch(luminance: Floats, rng: Generator) -> Floats:
    """A few vertical scratches and specks of dust, nearly white or nearly black."""
    height, width = luminance.shape
    worn = luminance.copy()
    for _ in range(rng.integers(1, 5)):
        tone = rng.choice([5.0, 95.0])
        if rng.random() < 0.5:
            top, x = rng.integers(0, height // 2), rng.integers(0, width)
            worn[top : top + rng.integers(8, height), x] = tone
        else:
            y, x = rng.integers(0, height - 3), rng.integers(0, width - 3)
            worn[y : y + rng.integers(1, 4), x : x + rng.integers(1, 4)] = tone
    return worn


def jpeg(luminance: Floats, rng: Generator) -> Floats:
    """Blocks and ringing of JPEG at quality 15 to 70."""
    buffer = io.BytesIO()
    _as_image(luminance).save(buffer, "JPEG", quality=int(rng.integers(15, 71)))
    return _as_luminance(Image.open(buffer))


def border(luminance: Floats, rng: Generator) -> tuple[Floats, Mask]:
    """Put the paper or the scanner's lid around the picture: one tone, on up to four sides.

    Returns:
        The framed plane, and the frame, bool (H, W): what lies there is paper, and has no colour to learn.
    """
    height, width = luminance.shape
    frame = np.ones((height, width), bool)
    top, bottom = (rng.integers(0, height // 10 + 1, 2) * (rng.random(2) < 0.7)).astype(int)
    left, right = (rng.integers(0, width // 10 + 1, 2) * (rng.random(2) < 0.7)).astype(int)
    frame[top : height - bottom, left : width - right] = False
    tone = rng.choice([rng.uniform(80, 100), rng.uniform(0, 15), rng.uniform(30, 80)])
    return np.where(frame, np.float32(tone), luminance), frame


# For each film how often it is drawn, and the ranges of the shares of linear sRGB's red and green in what it makes of a
# colour; blue has the rest. After the classes of spectral sensitivity described in Mees, James, "The Theory of the
# Photographic Process" (3rd edition, 1966); the numbers are guesses, not measurements. Plates of the first decades see
# blue alone. Orthochromatic ones, usual until about 1930, see green too: red and skin come out dark, the sky light.
# Early panchromatic film sees all, and more blue than the eye does.
FILMS = {
    "blue-sensitive": (0.15, (0.0, 0.03), (0.03, 0.2)),
    "orthochromatic": (0.5, (0.0, 0.08), (0.35, 0.65)),
    "panchromatic": (0.35, (0.15, 0.4), (0.25, 0.5)),
}


def film(linear: Floats, rng: Generator, kind: str | None = None) -> Floats:
    """What old film makes of colours.

    The exposure is the photographer's: he lets the picture as a whole be about as light as it is to the eye.

    Args:
        linear: linear sRGB, float32 (H, W, 3), 0 to 1.
        kind: one of FILMS; None: drawn.

    Returns:
        L*, float32 (H, W), 0 to 100.
    """
    kind = kind or str(rng.choice(list(FILMS), p=[chance for chance, _, _ in FILMS.values()]))
    _, reds, greens = FILMS[kind]
    red, green = rng.uniform(*reds), rng.uniform(*greens)
    seen = linear @ np.array([red, green, 1.0 - red - green], np.float32)
    eye = linear @ np.array(colour.LUMINANCE, np.float32)
    exposure = np.clip((eye.mean() + 1e-3) / (seen.mean() + 1e-3), 0.5, 2.0)
    return colour.lightness_of_linear(np.clip(seen * np.float32(exposure), 0.0, 1.0))


# Worn in this order, as a picture is: taken, printed, aged, scanned. (step, how often it happens to an old photo)
_STEPS = ((blur, 0.45), (fade, 0.5), (vignette, 0.3), (grain, 0.55), (scratch, 0.15), (jpeg, 0.35))
_BORDER = 0.15


def degrade(
    luminance: Floats, linear: Floats, rng: Generator, old_share: float = 0.4, film_share: float = 0.3
) -> tuple[Floats, Mask | None]:
    """Degrade one picture at random.

    Args:
        luminance: float32 (H, W), L*.
        linear: the same picture in linear sRGB, float32 (H, W, 3), 0 to 1.
        old_share: share of the pictures that age in several ways; the others get a change of tone and a little noise.
        film_share: share of the old pictures that were taken on old film.

    Returns:
        The plane, float32 (H, W) clipped to 0 to 100, and the frame of a scan, bool (H, W), or None without one.
    """
    frame = None
    if rng.random() < old_share:
        if rng.random() < film_share:
            luminance = film(linear, rng)
        luminance = change_tone(luminance, rng, 0.45)
        for step, chance in _STEPS:
            if rng.random() < chance:
                luminance = step(luminance, rng)
        if rng.random() < _BORDER:
            luminance, frame = border(luminance, rng)
    else:
        luminance = change_tone(luminance, rng, 0.2)
        if rng.random() < 0.3:
            noise = rng.standard_normal(luminance.shape, dtype=np.float32)
            luminance = luminance + np.float32(rng.uniform(0, 2.5)) * noise
    return np.clip(luminance, 0.0, 100.0).astype(np.float32), frame
