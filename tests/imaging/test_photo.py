"""Photos: what comes in is read for what it shows, and nothing that a client sends breaks it."""

import io
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from colorize_service.picture_kinds import KINDS
from tests.support.pictures import MAX_PIXELS, PICTURES, Picture
from tests.support.pictures.files import SIZE, luma, save, scene
from tests.support.pictures.jpegs import plain_jpeg
from tests.support.results import BASELINE, photo_of, segments

GOOD = [picture for picture in PICTURES if not picture.error]
BAD = [picture for picture in PICTURES if picture.error]

# Pillow's own warnings are off in the service; pytest switches them on again.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


def opened(data: bytes):
    return open_photo(data, max_pixels=MAX_PIXELS)


# --- The table --------------------------------------------------------------------------------------------------------


def test_the_table_is_large_and_its_names_are_its_own():
    assert len({picture.name for picture in PICTURES}) == len(PICTURES) >= 45


@pytest.mark.parametrize("picture", GOOD, ids=lambda picture: picture.name)
def test_the_luminance_of(picture: Picture):
    photo = opened(picture.make())
    plane = photo.luma()
    assert (plane.dtype, plane.shape[::-1], photo.size) == (np.uint8, picture.size, picture.size)
    for point, colour in picture.colours.items():
        assert plane[point[::-1]] == pytest.approx(luma(colour), abs=picture.tolerance), point


@pytest.mark.parametrize("picture", GOOD, ids=lambda picture: picture.name)
def test_the_upload_of(picture: Picture):
    stored = opened(picture.make()).jpeg(95)
    assert segments(stored) == BASELINE
    image = Image.open(io.BytesIO(stored))
    assert (image.format, image.size) == ("JPEG", picture.size)
    assert image.mode == ("L" if picture.gray else "RGB")
    for point, colour in picture.colours.items():
        assert image.convert("RGB").getpixel(point) == pytest.approx(colour, abs=picture.tolerance + 3), point


@pytest.mark.parametrize("picture", BAD, ids=lambda picture: picture.name)
def test_a_sentence_refuses(picture: Picture):
    data = picture.make()
    sentences = set()
    for use in ("luma", "jpeg"):
        with pytest.raises(ImageError) as caught:
            opened(data).luma() if use == "luma" else opened(data).jpeg(90)
        sentences.add(str(caught.value))
    (sentence,) = sentences
    assert picture.error in sentence
    assert re.fullmatch(r"[A-Z].*\.", sentence) and "\n" not in sentence
    assert not re.search(r"0x|Error|PIL|BytesIO|/\w|\w/|\.py", sentence), "internals"


def test_only_the_header_is_read_at_first():
    photo = opened(plain_jpeg()[:-40])
    assert photo.size == SIZE
    with pytest.raises(ImageError, match="cut off"):
        photo.luma()


@pytest.mark.parametrize("form", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI", "DDS", "IM", "MSP", "XBM"])
def test_pillow_is_not_asked_for_other_formats(form):
    mode = "1" if form in ("MSP", "XBM") else "RGB"
    with pytest.raises(ImageError, match=r"not an image|not supported"):
        opened(save(Image.new(mode, (16, 16)), form))


@pytest.mark.parametrize("data", [b"Dear Sir or Madam", b"8BPS" + bytes(60)])
def test_who_sends_something_else_reads_every_format_that_is_taken(data):
    with pytest.raises(ImageError) as refused:
        opened(data)
    assert all(kind in str(refused.value) for kind in KINDS)


def out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("form", "allocates"), [("JPEG", "simplejpeg.decode_jpeg"), ("PNG", "PIL.PngImagePlugin.PngImageFile.load")]
)
def test_a_lack_of_memory_is_not_the_files_fault(form, allocates, monkeypatch):
    photo = opened(save(scene(), form))
    monkeypatch.setattr(allocates, out_of_memory)
    with pytest.raises(MemoryError):
        photo.luma()


def test_the_luma_of_a_jpeg_is_the_plane_in_the_file():
    data = save(photo_of("chelsea", mode="RGB"), "JPEG", quality=80, subsampling=2)
    file = Image.open(io.BytesIO(data))
    file.draft("YCbCr", file.size)
    assert np.array_equal(np.asarray(opened(data).luma()), np.asarray(file.getchannel("Y")))


# --- Any bytes --------------------------------------------------------------------------------------------------------

SEEDS = [data for data in (picture.make() for picture in PICTURES) if 0 < len(data) < 20_000]
STARTS = sorted({seed[:length] for seed in SEEDS for length in (4, 16, 40)})


def use(data: bytes) -> None:
    """What the service does with a client's bytes."""
    try:
        photo = opened(data)
        plane, stored = photo.luma(), photo.jpeg(80)
    except ImageError as error:
        refusal = str(error)
        assert refusal.endswith(".")
    else:
        assert plane.shape[::-1] == photo.size == Image.open(io.BytesIO(stored)).size


@pytest.mark.slow
@settings(deadline=None, max_examples=1500)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_damaged_files_raise_nothing_else(data, chance: random.Random):
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at:at] = chance.randbytes(chance.randrange(40))
            case 1:
                del data[at : at + chance.randrange(40)]
            case 2:
                data[at] ^= 1 << chance.randrange(8)
            case 3:
                data[at % 200 % len(data)] = chance.choice((0, 1, 127, 128, 255))
            case 4:
                data[at : at + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\0\0\xff\xff", b"\x7f\xff\xff\xff"))
            case 5:
                other = chance.choice(SEEDS)
                data[at:] = other[at:]
        data = data or bytearray(1)
    use(bytes(data))


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(STARTS), st.binary(max_size=600))
def test_noise_behind_the_start_of_a_file_raises_nothing_else(start, noise):
    use(start + noise)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(SEEDS), st.floats(0, 1))
def test_files_cut_off_anywhere_raise_nothing_else(data, part):
    use(data[: int(len(data) * part)])
