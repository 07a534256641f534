"""A picture is broken when its pixels are, and not when something else of its file is."""

import contextlib
import random
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from colorize_service.imaging.formats import pillow
from tests.support.pictures.ends import BIG, FILES, SEAMLESS, SPARE, interlaced_png, pixels_of, rich
from tests.support.pictures.files import chunk, exif, png, save, with_segments
from tests.support.pictures.jpegs import plain_jpeg

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


PLAIN = Image.new("RGB", (32, 32), (9, 99, 200))


def shown(data: bytes) -> np.ndarray:
    photo = open_photo(data, max_pixels=100_000)
    photo.jpeg(90)
    return np.asarray(photo.luma())


def assert_refused(data: bytes) -> None:
    for use in ("luma", "jpeg"):
        with pytest.raises(ImageError, match=r"cut off|damaged"):
            getattr(open_photo(data, max_pixels=100_000), use)(*([90] if use == "jpeg" else []))


@pytest.mark.parametrize("name", SPARE)
def test_a_missing_end_is_forgiven_if_all_pixels_are_there(name):
    whole = FILES[name]()
    for missing in range(1, SPARE[name] + 1):
        assert np.array_equal(shown(whole[:-missing]), shown(whole)), missing


@pytest.mark.parametrize("whole", [png(BIG, 8, 2, rich().tobytes()), interlaced_png()], ids=["rows", "interlaced"])
def test_a_wrong_sum_of_a_pngs_pixels_is_forgiven_where_its_chunk_is_as_it_was_written(whole):
    at = whole.index(b"IDAT")
    end = at + 4 + int.from_bytes(whole[at - 4 : at], "big")
    packed = whole[at + 4 : end - 4] + b"\1\2\3\4"  # zlib's sum of the unpacked bytes
    assert np.array_equal(shown(whole[: at - 4] + chunk(b"IDAT", packed) + whole[end + 4 :]), shown(whole))
    with pytest.raises(ImageError, match="its pixels have changed since it was written"):
        shown(whole[:at] + b"IDAT" + packed)  # neither sum says that they are as they were


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("junk", [b"\0" * 500, b"junk" * 50, b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08" * 500])
def test_what_is_behind_the_picture_does_not_matter(name, junk):
    whole = FILES[name]()
    assert np.array_equal(shown(whole + junk), shown(whole))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("end", [0, 2, 12, 30])
def test_a_part_of_the_pixels_that_is_missing_is_not(name, end):
    """Also with the file's own end behind."""
    data, start, stop = pixels_of(name)
    for part in (0.1, 0.5, 0.9):
        cut = int(start + (stop - start) * part)
        assert_refused(data[:cut] + data[len(data) - end :])


@pytest.mark.parametrize("name", [name for name in FILES if name not in SEAMLESS])
def test_a_hole_in_the_pixels_is_not(name):
    data, start, stop = pixels_of(name)
    for part in (0.2, 0.5, 0.8):
        hole = int(start + (stop - start) * part)
        assert_refused(data[:hole] + bytes(800) + data[hole + 800 :])


@pytest.mark.parametrize("name", [name for name in FILES if "JPEG" in name and name not in SEAMLESS])
def test_foreign_bytes_among_a_jpegs_pixels_are_found(name):
    data, start, stop = pixels_of(name)
    found = 0
    for seed in range(20):
        chance = random.Random(seed)
        at = chance.randrange(start, stop - 1500)
        try:
            shown(data[:at] + chance.randbytes(1500) + data[at + 1500 :])
        except ImageError:
            found += 1
    assert found >= 19  # no decoder finds all


def test_a_progressive_jpeg_without_its_last_scans_is_not_read():
    data = FILES["progressive JPEG"]()
    scans = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"]
    assert len(scans) == 10
    for start in scans[1:]:
        assert_refused(data[:start])
        assert_refused(data[:start] + b"\xff\xd9")


def test_a_jpeg_of_several_scans_without_its_colours_is_not_read():
    """Baseline, one scan for each component (as some scanners write it), the last one missing."""
    data = FILES["progressive JPEG"]()
    first, second = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"][:2]
    assert_refused(data[:first] + data[second:])


def test_zeros_that_fill_a_jpeg_up_are_forgiven():
    """Cards and downloads end at a whole block."""
    whole = FILES["JPEG"]()
    for filled in (whole[:-2] + bytes(700), whole[:-2] + bytes(700) + b"\xff\xd9", whole[:-2] + b"\0\1" + b"\xff\xd9"):
        assert np.array_equal(shown(filled), shown(whole))


def test_zeros_instead_of_a_jpegs_last_third_are_not():
    whole = FILES["JPEG"]()
    assert_refused(whole[: len(whole) * 2 // 3].ljust(len(whole), b"\0"))


def test_a_flat_picture_is_not_taken_for_a_hole():
    """In files of the smallest tables its code is zeros alone."""
    for level in (0, 128, 255):
        flat = Image.new("RGB", (1200, 900), (level, level, level))
        for form, options in [
            ("JPEG", {"optimize": True}),
            ("JPEG", {"progressive": True}),
            ("JPEG", {}),
            ("WEBP", {"quality": 5}),
            ("WEBP", {"quality": 100}),
            ("AVIF", {"speed": 9}),
        ]:
            photo = open_photo(save(flat, form, **options), max_pixels=2_000_000)
            assert abs(np.asarray(photo.luma()).astype(int) - level).max() <= 3, (form, options)


def test_only_what_the_pixels_need_reaches_the_decoder(monkeypatch):
    """Texts, EXIF and other applications' data cannot be parsed by anybody if nobody gets them."""
    seen = []
    real = pillow.io.BytesIO
    monkeypatch.setattr(pillow.io, "BytesIO", lambda data=b"": (seen.append(bytes(data)), real(data))[1])
    monkeypatch.setattr("simplejpeg.decode_jpeg", lambda data, *_, **__: seen.append(bytes(data)) or 1 / 0)
    for data in (
        with_segments(plain_jpeg(), b"\xff\xe1\0\x0eSECRETSECRET"),
        save(PLAIN, "PNG", exif=exif(6)),
        save(PLAIN, "WEBP", exif=exif(6)),
        save(PLAIN, "GIF", comment=b"SECRET"),
    ):
        seen.clear()
        with contextlib.suppress(ImageError):
            open_photo(data, max_pixels=100_000).luma()
        assert b"SECRET" in data and seen and not any(b"SECRET" in given for given in seen)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_says_more_pixels_than_its_bytes_can_hold_costs_nothing(progressive):
    data = save(Image.new("L", (48, 32)), "JPEG", progressive=progressive, optimize=True)
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    lie = data[: frame + 5] + struct.pack(">HH", 10_000, 25_000) + data[frame + 9 :]
    tracemalloc.start()
    with pytest.raises(ImageError, match="cut off"):
        open_photo(lie, max_pixels=10**9).luma()
    assert tracemalloc.get_traced_memory()[1] < 10**6  # NumPy tells it what the pixels would take
    tracemalloc.stop()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_flat_picture_in_few_bytes_is_whole(mode, progressive):
    data = save(Image.new(mode, (3000, 2000)), "JPEG", progressive=progressive, optimize=True, subsampling=2, quality=1)
    assert open_photo(data, max_pixels=10**7).luma().shape == (2000, 3000)
