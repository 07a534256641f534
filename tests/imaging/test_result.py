"""Results: the colours lie where the model put them, and the luminance is that of the photo."""

import io
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from colorize_service.imaging import add_chroma, adjust, jpeg, open_photo, shrink
from colorize_service.options import JPEG_QUALITY
from tests.support import needs
from tests.support.pictures.files import exif, luma, save, scene
from tests.support.results import (
    BASELINE,
    PHOTOS,
    decoded,
    flat_chroma,
    luma_shown,
    photo_of,
    segments,
    wild_chroma,
)
from tests.support.service import wait_until

quick = settings(deadline=None, max_examples=60)


def opened(data: bytes):
    return open_photo(data, max_pixels=1_000_000)


# Cells of 2, 2, 4 and 8 pixels share a colour.
@pytest.mark.parametrize("size", [(40, 30), (1600, 1200), (2048, 1536), (3520, 2400)])
def test_the_colours_lie_where_the_model_put_them(size):
    chroma = np.full((24, 32, 2), 128, np.uint8)
    chroma[:12, :16, 0] = 180  # top left: more blue
    chroma[12:, 16:, 1] = 180  # bottom right: more red
    shown = decoded(add_chroma(Image.new("L", size, 120), chroma, 95))
    assert shown[2, 2] == pytest.approx((120, 102, 212), abs=3)
    assert shown[-3, -3] == pytest.approx((193, 83, 120), abs=3)
    assert shown[2, -3] == pytest.approx((120,) * 3, abs=2) and shown[-3, 2] == pytest.approx((120,) * 3, abs=2)


def luma_without_colours(gray: Image.Image, quality: int) -> np.ndarray:
    return luma_shown(add_chroma(gray, flat_chroma(128, 128), quality))


@pytest.mark.parametrize("name", PHOTOS)
def test_the_luminance_is_as_exact_as_pillows_jpeg_of_the_default_quality(name):
    gray = photo_of(name, (320, 240))
    quality = JPEG_QUALITY
    off = np.abs(luma_without_colours(gray, quality) - luma_shown(save(gray, "JPEG", quality=quality)))
    assert off.max() == 0


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("quality", "mean", "rare", "rarest"), [(75, 0.4, 14, 32), (96, 0.15, 9, 20)])
def test_the_luminance_is_kept_under_any_colours(name, quality, mean, rare, rarest):
    gray = photo_of(name, (320, 240))
    result = luma_shown(add_chroma(gray, wild_chroma(len(name)), quality))
    off = np.abs(result - luma_without_colours(gray, quality))
    assert off.mean() < mean and np.percentile(off, 99.9) <= rare and off.max() <= rarest


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photos_own_colours_come_back_and_its_luminance_stays(name):
    photo = photo_of(name, mode="RGB")
    gray, *chroma = photo.convert("YCbCr").split()
    result = add_chroma(gray, np.stack([np.asarray(plane.resize((256, 256))) for plane in chroma], axis=2), 95)
    assert 10 * np.log10(255**2 / np.mean((decoded(result) - np.asarray(photo)) ** 2.0)) > 35
    off = np.abs(luma_shown(result) - luma_without_colours(gray, 95))
    assert off.mean() < 0.05 and np.percentile(off, 99.9) <= 3


def test_the_luminance_is_kept_where_four_pixels_share_a_colour():
    gray = photo_of("astronaut", (1024, 1024))
    result = luma_shown(add_chroma(gray, wild_chroma(1), 95))
    off = np.abs(result - luma_without_colours(gray, 95))
    assert off.mean() < 0.05 and np.percentile(off, 99.9) <= 2


@quick
@given(st.integers(0, 2**32), st.sampled_from(PHOTOS), st.integers(64, 200), st.integers(64, 200), st.integers(80, 100))
def test_the_luminance_is_kept(seed, name, width, height, quality):
    whole = photo_of(name)
    assume(width <= whole.width and height <= whole.height)
    left, top = seed % (whole.width - width + 1), seed // 7 % (whole.height - height + 1)
    gray = whole.crop((left, top, left + width, top + height))
    result = luma_shown(add_chroma(gray, wild_chroma(seed, patches=5, size=64), quality))
    off = np.abs(result - luma_without_colours(gray, quality))
    assert off.mean() < 0.6 and np.percentile(off, 99) <= 12


@pytest.mark.parametrize("level", [0, 3, 128, 250, 255])
@pytest.mark.parametrize(("cb", "cr"), [(0, 0), (255, 255), (0, 255), (255, 0), (128, 255), (60, 128)])
def test_a_colour_that_rgb_does_not_have_gets_weaker_not_darker(level, cb, cr):
    shown = decoded(add_chroma(Image.new("L", (32, 32), level), flat_chroma(cb, cr), 100))[16, 16]
    assert luma(shown) == pytest.approx(level, abs=1.5)
    if level == 128:  # there is room: the hue is the one that was asked for, as strong as can be
        blue, red = shown[2] - level, shown[0] - level
        assert blue / 1.772 * (cr - 128) == pytest.approx(red / 1.402 * (cb - 128), abs=400)
        assert max(shown) > 240 or min(shown) < 15


def test_colours_that_rgb_has_are_left_alone():
    shown = decoded(add_chroma(Image.new("L", (64, 64), 120), flat_chroma(150, 110), 100))[32, 32]
    assert shown == pytest.approx((95, 125, 159), abs=2)


def test_no_colour_gives_exactly_the_gray_photo():
    gray = photo_of("camera")
    shown = decoded(add_chroma(gray, flat_chroma(128, 128), 96))
    assert np.array_equal(shown, decoded(save(gray, "JPEG", quality=96)))


def test_results_are_baseline_jpegs_with_nothing_but_the_picture():
    photo = opened(save(scene(), "JPEG", exif=exif(6), comment=b"SECRETCOMMENT"))
    for content in (photo.jpeg(90), add_chroma(photo.luma(), wild_chroma(0), 90)):
        assert segments(content) == BASELINE and b"SECRET" not in content
        image = Image.open(io.BytesIO(content))
        assert (
            image.size == (32, 48)
            and not image.getexif()
            and set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        )
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]


def test_the_same_photo_gives_the_same_bytes_in_any_thread():
    photo, chroma = opened(save(photo_of("coins"), "PNG")), wild_chroma(3)
    with ThreadPoolExecutor(4) as pool:
        uploads = list(pool.map(photo.jpeg, [90] * 12))
        results = list(pool.map(lambda _: add_chroma(photo.luma(), chroma, 90), range(12)))
    assert len(set(uploads)) == len(set(results)) == 1


# --- The user's own strength and warmth -------------------------------------------------------------------------------


def cb_cr(chroma: np.ndarray) -> np.ndarray:
    """The first pixel's Cb and Cr away from neutral: int (2,)."""
    return chroma[0, 0].astype(int) - 128


@pytest.mark.parametrize(("cb", "cr"), [(100, 160), (250, 20), (128, 128), (3, 130)])
def test_colours_as_they_are_stay_as_they_are(cb, cr):
    assert (adjust(flat_chroma(cb, cr)) == flat_chroma(cb, cr)).all()


@pytest.mark.parametrize("saturation", [0, 0.5, 1.5, 2])
def test_saturation_multiplies_the_chroma(saturation):
    adjusted = adjust(flat_chroma(148, 98), saturation)
    assert adjusted.dtype == np.uint8
    assert cb_cr(adjusted) == pytest.approx(saturation * np.array([20, -30]), abs=0.51)


@pytest.mark.parametrize(("cb", "cr"), [(228, 168), (18, 178), (128, 248), (88, 8), (0, 0)])
def test_a_colour_that_would_leave_the_range_keeps_its_hue(cb, cr):
    """Were each channel clipped by itself, a strong orange would become yellow."""
    before = np.array([cb, cr]) - 128
    after = cb_cr(adjust(flat_chroma(cb, cr), saturation=2))
    assert np.abs(after).max() == 127, "it is not as strong as can be"
    assert after == pytest.approx(before * 127 / np.abs(before).max(), abs=0.51)


def test_warmth_moves_colours_towards_yellow_and_back_towards_blue():
    warm, cold = (cb_cr(adjust(flat_chroma(128, 128), warmth=warmth)) for warmth in (1, -1))
    assert warm[0] < -5 and abs(warm[1]) < abs(warm[0])
    assert cold == pytest.approx(-warm, abs=1)
    # It comes after the saturation: a gray photo can be warm.
    assert (cb_cr(adjust(flat_chroma(200, 60), saturation=0, warmth=1)) == warm).all()
    half = cb_cr(adjust(flat_chroma(128, 128), warmth=0.5))
    assert half == pytest.approx(warm / 2, abs=1)


# --- Sizes ------------------------------------------------------------------------------------------------------------


@quick
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(range(1, 9)), st.integers(1, 40), st.integers(1, 40))
def test_the_result_has_the_photos_size(width, height, orientation, rows, columns):
    photo = opened(save(Image.new("L", (width, height), 77), "PNG", exif=exif(orientation)))
    assert photo.size == ((width, height) if orientation < 5 else (height, width))
    result = add_chroma(photo.luma(), np.full((rows, columns, 2), 140, np.uint8), 90)
    assert Image.open(io.BytesIO(result)).size == photo.size


@pytest.mark.parametrize("size", [(1, 1), (1, 999), (999, 1), (2000, 100), (65500, 2), (3, 65500)])
def test_strips_and_single_pixels(size):
    gray = Image.new("L", size, 90)
    assert shrink(gray, (64, 32)).shape == (32, 64)
    shown = decoded(add_chroma(gray, flat_chroma(150, 120), 95))
    assert shown.shape == (size[1], size[0], 3)
    assert shown.reshape(-1, 3).mean(0) == pytest.approx((79, 88, 129), abs=3)


def test_the_model_sees_means_and_not_single_pixels():
    board = Image.fromarray((np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8))
    small = shrink(board, (96, 64))
    assert small.dtype == np.uint8 and small.shape == (64, 96) and small.flags.writeable
    assert np.abs(small.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("size", [(2048, 1536), (1999, 1001), (65500, 40), (40, 65500), (700, 750), (3001, 2801)])
def test_a_result_made_in_strips_has_the_pixels_of_one_made_in_one_piece(size, monkeypatch):
    photo = photo_of("camera", size)
    in_strips = add_chroma(photo, wild_chroma(1), 90)
    monkeypatch.setattr(jpeg, "STRIP", 1 << 40)
    in_one_piece = add_chroma(photo, wild_chroma(1), 90)
    assert b"\xff\xd0" in in_strips, "there is no restart marker"
    assert (decoded(in_strips) == decoded(in_one_piece)).all()


def test_a_result_is_the_same_whether_or_not_other_photos_are_in_work():
    photo, enough = photo_of("camera", (2048, 1536)), threading.Event()
    alone = add_chroma(photo, wild_chroma(1), 90)

    def other_photos(number: int, pool: ThreadPoolExecutor) -> None:
        other, begun[number] = photo_of("coins", (1500, 1300)), True
        while not enough.is_set():
            add_chroma(other, wild_chroma(2 + number), 90, each=pool.map)

    begun = {}
    with ThreadPoolExecutor(4) as cores, ThreadPoolExecutor(3) as clients:
        others = [clients.submit(other_photos, number, cores) for number in range(3)]
        try:
            wait_until(lambda: len(begun) == 3, 10)
            results = {add_chroma(photo, wild_chroma(1), 90, each=cores.map) for _ in range(3)}
            assert not any(other.done() for other in others), "there were no others"
        finally:
            enough.set()
    assert results == {alone}


def test_strips_are_joined_so_that_a_strict_decoder_finds_no_fault(tmp_path):
    """djpeg reports each irregular marker as a warning."""
    djpeg = needs.program("djpeg", package="libjpeg-turbo-progs")
    (tmp_path / "x.jpg").write_bytes(add_chroma(photo_of("camera", (2048, 2048)), wild_chroma(1), 90))
    run = subprocess.run(
        [djpeg, "-outfile", "/dev/null", "x.jpg"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
