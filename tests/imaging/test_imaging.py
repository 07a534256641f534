"""Imaging: what comes in is read for what it shows, what goes out keeps the luminance, and nothing breaks it."""

import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from colorize_service.imaging import ImageError, add_chroma, jpeg, open_photo, shrink
from colorize_service.server.settings import Settings
from tests.support.pictures import MAX_PIXELS, PICTURES, Picture
from tests.support.pictures.files import SIZE, exif, luma, save, scene
from tests.support.pictures.jpegs import plain_jpeg

GOOD = [picture for picture in PICTURES if not picture.error]
BAD = [picture for picture in PICTURES if picture.error]
PHOTOS = ["camera", "coins", "moon", "page", "brick", "astronaut", "chelsea", "coffee"]

# Pillow's own warnings are off in the service; pytest switches them on again.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")
quick = settings(deadline=None, max_examples=60)


def opened(data: bytes):
    return open_photo(data, max_pixels=MAX_PIXELS)


def decoded(jpeg: bytes) -> np.ndarray:
    """What a viewer shows: (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def luma_shown(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB").convert("L")).astype(int)


def photo_of(name: str, size: tuple[int, int] | None = None) -> Image.Image:
    """A photo of scikit-image in gray."""
    image = Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png").convert("L")
    return image.resize(size, Image.Resampling.BICUBIC) if size else image


def flat_chroma(cb: int, cr: int, size: int = 8) -> np.ndarray:
    return np.full((size, size, 2), (cb, cr), np.uint8)


def wild_chroma(seed: int, patches: int = 16, size: int = 128) -> np.ndarray:
    """Patches of any chroma at all, most of which RGB does not have, with smooth borders."""
    rng = np.random.default_rng(seed)
    planes = [Image.fromarray(rng.integers(0, 256, (patches, patches), np.uint8)) for _ in range(2)]
    return np.stack([np.asarray(plane.resize((size, size), Image.Resampling.BICUBIC)) for plane in planes], axis=2)


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
    assert markers(stored) == BASELINE
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
            photo = opened(data)
            photo.luma() if use == "luma" else photo.jpeg(90)
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


@pytest.mark.parametrize("form", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI", "JPEG2000", "DDS", "IM", "MSP", "XBM"])
def test_pillow_is_not_asked_for_other_formats(form):
    mode = "1" if form in ("MSP", "XBM") else "RGB"
    with pytest.raises(ImageError, match="not an image|not supported"):
        opened(save(Image.new(mode, (16, 16)), form))


def out_of_memory(*_: object) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("form", "allocates"), [("JPEG", "simplejpeg.decode_jpeg"), ("PNG", "PIL.PngImagePlugin.PngImageFile.load")]
)
def test_a_lack_of_memory_is_not_the_files_fault(form, allocates, monkeypatch):
    photo = opened(save(scene(), form))
    monkeypatch.setattr(allocates, out_of_memory)
    with pytest.raises(MemoryError):
        photo.luma()


# --- Any bytes --------------------------------------------------------------------------------------------------------

SEEDS = [data for data in (picture.make() for picture in PICTURES) if 0 < len(data) < 20_000]
STARTS = sorted({seed[:length] for seed in SEEDS for length in (4, 16, 40)})


def use(data: bytes) -> None:
    """What the service does with a client's bytes."""
    try:
        photo = opened(data)
        plane = photo.luma()
        assert plane.shape[::-1] == photo.size
        assert Image.open(io.BytesIO(photo.jpeg(80))).size == photo.size
    except ImageError as error:
        assert str(error).endswith(".")


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


# --- The result -------------------------------------------------------------------------------------------------------

BASELINE = ["APP0", "DQT", "SOF0", "DHT", "SOS"]


def markers(jpeg: bytes) -> list[str]:
    """The kinds of segments, and no scan but one."""
    names = {0xE0: "APP0", 0xDB: "DQT", 0xC0: "SOF0", 0xC4: "DHT", 0xDA: "SOS"}
    found, at = [], 2
    while not found or found[-1] != "SOS":
        found.append(names.get(jpeg[at + 1], hex(jpeg[at + 1])))
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9" and b"\xff\xda" not in jpeg[at:]
    return [name for i, name in enumerate(found) if name != found[i - 1]]


@pytest.mark.parametrize("size", [(40, 30), (1600, 1200)])
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
    quality = Settings.model_fields["jpeg_quality"].default
    off = np.abs(luma_without_colours(gray, quality) - luma_shown(save(gray, "JPEG", quality=quality)))
    assert off.max() == 0


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality, mean, rare, rarest", [(75, 0.4, 14, 32), (96, 0.15, 9, 20)])
def test_the_luminance_is_kept_under_any_colours(name, quality, mean, rare, rarest):
    gray = photo_of(name, (320, 240))
    result = luma_shown(add_chroma(gray, wild_chroma(len(name)), quality))
    off = np.abs(result - luma_without_colours(gray, quality))
    assert off.mean() < mean and np.percentile(off, 99.9) <= rare and off.max() <= rarest


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photos_own_colours_come_back_and_its_luminance_stays(name):
    photo = Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png").convert("RGB")
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
@pytest.mark.parametrize("cb, cr", [(0, 0), (255, 255), (0, 255), (255, 0), (128, 255), (60, 128)])
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
    for jpeg in (photo.jpeg(90), add_chroma(photo.luma(), wild_chroma(0), 90)):
        assert markers(jpeg) == BASELINE and b"SECRET" not in jpeg
        image = Image.open(io.BytesIO(jpeg))
        assert (
            image.size == (32, 48)
            and not image.getexif()
            and set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        )
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]


def test_the_luma_of_a_jpeg_is_the_plane_in_the_file():
    data = save(Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png"), "JPEG", quality=80, subsampling=2)
    file = Image.open(io.BytesIO(data))
    file.draft("YCbCr", file.size)
    assert np.array_equal(np.asarray(opened(data).luma()), np.asarray(file.getchannel("Y")))


def test_the_same_photo_gives_the_same_bytes_in_any_thread():
    photo, chroma = opened(save(photo_of("coins"), "PNG")), wild_chroma(3)
    with ThreadPoolExecutor(4) as pool:
        uploads = list(pool.map(photo.jpeg, [90] * 12))
        results = list(pool.map(lambda _: add_chroma(photo.luma(), chroma, 90), range(12)))
    assert len(set(uploads)) == len(set(results)) == 1


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


# --- What it costs ----------------------------------------------------------------------------------------------------

reads_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CHILD = """
import json, logging, re, sys
from pathlib import Path
import numpy as np
logging.basicConfig(level=logging.DEBUG)
from colorize_service.imaging import ImageError, add_chroma, open_photo
from colorize_service.process import prepare_process
prepare_process()

def memory(what):  # VmRSS is what is held now, VmHWM the most so far, in MB
    return int(re.search(what + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def use(data, max_pixels=4_000_000):
    try:
        photo = open_photo(data, max_pixels=max_pixels)
        photo.jpeg(90)
        add_chroma(photo.luma(), np.full((192, 256, 2), 150, np.uint8), 90)
    except ImageError:
        pass

print("ready", file=sys.stderr, flush=True)
sizes = json.loads(sys.argv[1])
files = [sys.stdin.buffer.read(size) for size in sizes]
"""


def child(code: str, files: list[bytes]) -> tuple[list[float], str]:
    """Run `code` on `files` in a process of its own; the numbers that it prints, and what is on its stderr."""
    command = [sys.executable, "-W", "always", "-c", CHILD + code, json.dumps([len(data) for data in files])]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, input=b"".join(files), capture_output=True, timeout=60, check=False, cwd=root)
    assert done.returncode == 0, done.stderr.decode()
    return [float(number) for number in done.stdout.split()], done.stderr.decode().partition("ready\n")[2]


@reads_proc
def test_hostile_files_cost_no_memory_and_fill_no_log():
    files = [picture.make() for picture in PICTURES if picture.error or picture.size == SIZE]
    code = "use(files[0]); before = memory('VmHWM')\nfor data in files: use(data)\nprint(memory('VmHWM') - before)"
    (grown,), said = child(code, files)
    assert said == "" and grown < 15


@reads_proc
def test_twelve_megapixels_take_little_memory():
    files = [save(photo_of("coins", size).convert("RGB"), "JPEG", quality=85) for size in ((640, 480), (4000, 3000))]
    code = "use(files[0]); before = memory('VmHWM'); use(files[1], 12_000_000); print(memory('VmHWM') - before)"
    (grown,), _ = child(code, files)
    assert grown < 120


@reads_proc
def test_memory_stays_where_it_was():
    files = [
        save(photo_of(name, (700, 500)).convert("RGB"), form)
        for name in ("coins", "page")
        for form in ("JPEG", "PNG", "WEBP", "TIFF")
    ]
    code = "for i in range(90):\n use(files[i % len(files)])\n if i in (29, 89): print(memory('VmRSS'))"
    (early, late), _ = child(code, files)
    assert late - early < 12


@pytest.mark.parametrize("size", [(2048, 1536), (1999, 1001), (65500, 40), (40, 65500), (700, 750), (3001, 2801)])
def test_a_result_made_in_strips_has_the_pixels_of_one_made_in_one_piece(size, monkeypatch):
    photo = photo_of("camera", size)
    in_strips = add_chroma(photo, wild_chroma(1), 90)
    monkeypatch.setattr(jpeg, "STRIP", 1 << 40)
    in_one_piece = add_chroma(photo, wild_chroma(1), 90)
    assert b"\xff\xd0" in in_strips, "there is no restart marker"
    assert (decoded(in_strips) == decoded(in_one_piece)).all()


def test_a_result_is_the_same_whether_or_not_other_photos_are_in_work():
    photo = photo_of("camera", (2048, 1536))
    assert add_chroma(photo, wild_chroma(1), 90) == add_chroma(photo, wild_chroma(1), 90, each=ThreadPool(4).map)


def test_strips_are_joined_so_that_a_strict_decoder_finds_no_fault(tmp_path):
    """djpeg, where it is installed, reports each irregular marker as a warning."""
    djpeg = shutil.which("djpeg")
    if djpeg is None:
        pytest.fail("djpeg is missing") if os.environ.get("CI") else pytest.skip("djpeg is not installed")
    (tmp_path / "x.jpg").write_bytes(add_chroma(photo_of("camera", (2048, 2048)), wild_chroma(1), 90))
    run = subprocess.run([djpeg, "-outfile", "/dev/null", tmp_path / "x.jpg"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
