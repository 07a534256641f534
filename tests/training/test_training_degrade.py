"""Ageing: what makes a clean photo's gray like that of an old one."""

from collections import Counter

import numpy as np
import pytest

from colorize_service import colour
from training import batches, degrade
from training.batches import make_example

STEPS = ("blur", "fade", "vignette", "grain", "scratch", "jpeg")
SKY, RED, SKIN, GRAY = (120, 170, 235), (190, 40, 35), (215, 160, 130), (128, 128, 128)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def plane(rng):
    return rng.uniform(0, 100, (96, 128)).astype(np.float32)


def gray_linear(plane):
    """A gray picture in linear light: (H, W, 3) for L* (H, W)."""
    return np.repeat(colour.linear(np.rint(2.55 * plane).astype(np.uint8))[..., None], 3, axis=2)


@pytest.fixture
def drawn(monkeypatch):
    """Counts the steps that were drawn and that changed the picture, and looks whether each goes on from the last."""
    counts, last = Counter(), []

    def counted(name, step):
        def run(luminance, *rest):
            made = step(luminance, *rest)
            plane = made[0] if isinstance(made, tuple) else made
            if name in ("film", "change_tone"):
                last.clear()
            elif last and luminance is not last[-1]:
                counts["forgotten"] += 1
            last.append(plane)
            counts[name] += plane.shape != luminance.shape or not np.array_equal(plane, luminance)
            return made

        return run

    monkeypatch.setattr(degrade, "_STEPS", [(counted(each.__name__, each), odds) for each, odds in degrade._STEPS])
    for name in ("film", "change_tone", "border"):
        monkeypatch.setattr(degrade, name, counted(name, getattr(degrade, name)))
    return counts


def test_degraded_luminance_stays_in_range_and_shape(plane, rng):
    for _ in range(60):
        worn, frame = degrade.degrade(plane, gray_linear(plane), rng, old_share=1.0)
        assert worn.shape == plane.shape and worn.dtype == np.float32
        assert worn.min() >= 0 and worn.max() <= 100
        assert frame is None or frame.shape == plane.shape


def test_every_kind_of_ageing_happens_to_old_photos(drawn, plane, rng):
    for _ in range(200):
        degrade.degrade(plane, gray_linear(plane), rng, old_share=1.0)
    assert set(drawn) - {"forgotten"} == {"film", "change_tone", "border", *STEPS}
    assert drawn["change_tone"] == 200 and not drawn["forgotten"]
    assert all(15 <= drawn[name] <= 150 for name in ("film", *STEPS))
    # Some frames have no width.
    assert drawn["border"] >= 10


def test_modern_photos_keep_their_gray(drawn, plane, rng):
    for _ in range(50):
        worn, frame = degrade.degrade(plane, gray_linear(plane), rng, old_share=0.0)
        assert frame is None and np.corrcoef(worn.ravel(), plane.ravel())[0, 1] > 0.95
    assert set(drawn) == {"change_tone"}


def test_training_sees_old_film_but_learns_the_true_colours(drawn, monkeypatch, rng):
    monkeypatch.setattr(batches, "random_count", lambda rng: 0)
    monkeypatch.setattr(degrade, "border", lambda luminance, rng: (luminance, None))
    rgb = rng.integers(0, 256, (32, 32, 3), np.uint8)
    true = colour.lab(rgb)[..., 1:].reshape(8, 4, 8, 4, 2).mean(axis=(1, 3))
    for _ in range(300):
        _, _, ab = make_example(rgb, rng)
        assert np.allclose(np.moveaxis(ab, 0, -1), true, atol=1e-3)
    # 18 % of all.
    assert 30 < drawn["film"] < 80


def patches(*colours):
    """Squares of these colours, each 16 pixels wide, between gray ones: sRGB uint8 (16, W, 3)."""
    row = [part for each in colours for part in (each, GRAY, GRAY)]
    return np.repeat(np.repeat(np.array(row, np.uint8)[None], 16, axis=0), 16, axis=1)


def on_film(kind, colours, seeds=40):
    """How much lighter each colour is on this film than to the eye, in L*, mean over the film's range."""
    linear = colour.linear(patches(*colours))
    eye = colour.lightness_of_linear(linear @ np.array(colour.LUMINANCE, np.float32))
    lighter = [degrade.film(linear, np.random.default_rng(seed), kind) - eye for seed in range(seeds)]
    return np.mean(lighter, axis=(0, 1))[8::48]


def test_orthochromatic_film_darkens_red_and_skin_and_lightens_the_sky():
    red, skin, sky = on_film("orthochromatic", (RED, SKIN, SKY))
    assert red < -12 and -25 < skin < -2 and sky > 3


def test_plates_that_see_blue_alone_show_it_more_and_panchromatic_film_less():
    plates, ortho, pan = (on_film(kind, (RED, SKY)) for kind in degrade.FILMS)
    assert plates[0] < ortho[0] < pan[0]
    assert plates[1] > ortho[1] > pan[1] > 0


def test_every_film_is_drawn():
    linear = colour.linear(patches(RED, SKY))
    seen = {kind: on_film(kind, (RED,), seeds=10)[0] for kind in degrade.FILMS}
    eye = colour.lightness_of_linear(linear @ np.array(colour.LUMINANCE, np.float32))
    red = np.array([(degrade.film(linear, np.random.default_rng(seed)) - eye)[8, 8] for seed in range(200)])
    nearest = np.argmin(np.abs(red[:, None] - list(seen.values())), axis=1)
    assert np.bincount(nearest, minlength=3).min() > 15


@pytest.mark.parametrize("kind", degrade.FILMS)
def test_gray_is_gray_on_any_film(kind, plane, rng):
    linear = gray_linear(plane)
    assert degrade.film(linear, rng, kind) == pytest.approx(colour.lightness_of_linear(linear[..., 0]), abs=0.1)


def test_border_has_one_tone(rng):
    plane = rng.uniform(20, 80, (100, 100)).astype(np.float32)
    framed, frame = degrade.border(plane, rng)
    assert len(np.unique(framed[frame])) <= 1
    assert np.array_equal(framed[~frame], plane[~frame])
