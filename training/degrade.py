"""Makes the luminance of a clean photo look like that of an old one: what the model will be asked to colorize.

Everything here works on one luminance plane, float32 (H, W), CIE L* in 0..100, and takes a ``numpy.random.Generator``.
"""

import io

import numpy as np
from PIL import Image, ImageFilter


def _as_image(luminance):
    return Image.fromarray(np.clip(luminance * 2.55 + 0.5, 0, 255).astype(np.uint8), "L")


def _as_luminance(image):
    return np.asarray(image, np.float32) / 2.55


def change_tone(luminance, rng, strength):
    """Gamma by up to exp(+-strength)."""
    return 100.0 * np.clip(luminance / 100.0, 0.0, 1.0) ** np.float32(np.exp(rng.uniform(-strength, strength)))


def fade(luminance, rng):
    """Lift the blacks and pull down the whites, as a faded print does."""
    black, white = rng.uniform(0, 35), rng.uniform(60, 100)
    return black + (white - black) / 100.0 * luminance


def blur(luminance, rng):
    """A soft lens or a small scan that was enlarged: a Gaussian of 0.4 to 1.8 pixels."""
    return _as_luminance(_as_image(luminance).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8))))


def vignette(luminance, rng):
    """Darken (or, for a bleached edge, lighten) away from a point near the centre."""
    height, width = luminance.shape
    y = (np.arange(height, dtype=np.float32) / height - rng.uniform(0.35, 0.65))[:, None]
    x = (np.arange(width, dtype=np.float32) / width - rng.uniform(0.35, 0.65))[None]
    strength = rng.uniform(0.2, 1.2)
    falloff = np.minimum(strength * (x * x + y * y), 0.9)
    if rng.random() < 0.3:
        return luminance + (100.0 - luminance) * falloff
    return luminance * (1.0 - falloff)


def grain(luminance, rng):
    """Gaussian noise of 1 to 9 L*; half of the time in clumps of two pixels, as coarse film has it."""
    height, width = luminance.shape
    sigma = rng.uniform(1.0, 9.0)
    if rng.random() < 0.5:
        clumps = rng.standard_normal(((height + 1) // 2, (width + 1) // 2), dtype=np.float32)
        noise = np.repeat(np.repeat(clumps, 2, axis=0), 2, axis=1)[:height, :width]
    else:
        noise = rng.standard_normal((height, width), dtype=np.float32)
    return luminance + np.float32(sigma) * noise


def scratch(luminance, rng):
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


def jpeg(luminance, rng):
    """Blocks and ringing of JPEG at quality 15 to 70."""
    buffer = io.BytesIO()
    _as_image(luminance).save(buffer, "JPEG", quality=int(rng.integers(15, 71)))
    return _as_luminance(Image.open(buffer))


def border(luminance, rng):
    """Put the paper or the scanner's lid around the picture: one tone, on one to four sides.

    Returns the framed plane and the frame, bool (H, W): what lies there is paper, and has no colour to learn.
    """
    height, width = luminance.shape
    frame = np.ones((height, width), bool)
    top, bottom = (rng.integers(0, height // 10 + 1, 2) * (rng.random(2) < 0.7)).astype(int)
    left, right = (rng.integers(0, width // 10 + 1, 2) * (rng.random(2) < 0.7)).astype(int)
    frame[top : height - bottom, left : width - right] = False
    tone = rng.choice([rng.uniform(80, 100), rng.uniform(0, 15), rng.uniform(30, 80)])
    return np.where(frame, np.float32(tone), luminance), frame


# Worn in this order, as a picture is: taken, printed, aged, scanned. (step, how often it happens to an old photo)
_STEPS = ((blur, 0.45), (fade, 0.5), (vignette, 0.3), (grain, 0.55), (scratch, 0.15), (jpeg, 0.35))


def degrade(luminance, rng, old_share=0.4):
    """Degrade one luminance plane at random.

    A share of ``old_share`` of the pictures ages in several ways, the others get a change of tone and a little noise.
    Returns the plane, float32 (H, W) clipped to 0..100, and the frame of a scan, bool (H, W), or None without one.
    """
    frame = None
    if rng.random() < old_share:
        luminance = change_tone(luminance, rng, 0.45)
        for step, chance in _STEPS:
            if rng.random() < chance:
                luminance = step(luminance, rng)
        if rng.random() < 0.15:
            luminance, frame = border(luminance, rng)
    else:
        luminance = change_tone(luminance, rng, 0.2)
        if rng.random() < 0.3:
            noise = rng.standard_normal(luminance.shape, dtype=np.float32)
            luminance = luminance + np.float32(rng.uniform(0, 2.5)) * noise
    return np.clip(luminance, 0.0, 100.0).astype(np.float32), frame
