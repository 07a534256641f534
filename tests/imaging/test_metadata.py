"""What results keep of their photo's metadata, as exiftool reads it; and that no metadata can do any harm."""

import contextlib
import functools
import io
import random
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from colorize_service.imaging import open_photo, results, shrink
from colorize_service.imaging.metadata import MAX_BYTES, Metadata, Notes, exif, iptc, metadata_of, xmp
from colorize_service.imaging.results import Planes
from tests.support import exiftool
from tests.support.pictures.files import chunk
from tests.support.results import flat_chroma

pytestmark = pytest.mark.slow  # many files, and other programs that read them

NOTES = Notes("A Model 1.2 (Colorize 3.4)")
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp"}
SIZE = (48, 32)

_TAGS = [
    *("-DateTimeOriginal=1944:06:06 06:30:00", "-EXIF:ImageDescription=Großmutter", "-EXIF:Artist=Zoë B."),
    *("-EXIF:Copyright=© Zoë", "-Make=Zeiss Ikon", "-ExifIFD:FNumber=4.5", "-UserComment=Ünder glass"),
    *("-XMP-dc:Description=Überschrift", "-XMP-dc:Subject=a", "-XMP-dc:Subject=b", "-XMP-xmp:Rating=4"),
    *("-XResolution=600", "-YResolution=300", "-ResolutionUnit=inches"),
    *("-GPSLatitude=52.5", "-GPSLatitudeRef=N", "-XMP-exif:GPSLongitude=13.4", "-XMP-iptcExt:LocationShownCity=Berlin"),
    # What speaks of the file, and not of the photo.
    *("-Orientation#=1", "-EXIF:Software=Scan 1", "-ColorSpace#=65535", "-XMP-tiff:Orientation#=8"),
    *(
        "-XMP-photoshop:ICCProfileName=Gray",
        "-XMP-exif:PixelXDimension=5",
        "-XMP-crs:Exposure2012=1",
        "-XMP-dc:Format=x",
    ),
]
_IPTC = ["-IPTC:CodedCharacterSet=UTF8", "-IPTC:Headline=Schön", "-IPTC:Keywords=c", "-IPTC:OriginatingProgram=Scan"]
KEPT = {
    "DateTimeOriginal": "1944:06:06 06:30:00",
    "EXIF:ImageDescription": "Großmutter",
    "Artist": "Zoë B.",
    "EXIF:Copyright": "© Zoë",
    "Make": "Zeiss Ikon",
    "FNumber": 4.5,
    "UserComment": "Ünder glass",
    "XMP:Description": "Überschrift",
    "Subject": ["a", "b"],
    "Rating": 4,
    "LocationShownCity": "Berlin",
    "XResolution": 600,
    "YResolution": 300,
    "ResolutionUnit": 2,
}
KEPT_IPTC = {"Headline": "Schön", "Keywords": "c"}
PLACE = {"EXIF:GPSLatitude": 52.5, "XMP:GPSLongitude": 13.4}
LOST = (
    *("Orientation", "ICCProfileName", "Exposure2012", "XMP:PixelXDimension", "XMP:Format", "ThumbnailImage"),
    *("OriginatingProgram", "ICC_Profile:all", "MakerNotes:all"),
)
MADE = {"EXIF:Software": NOTES.made_by, "CreatorTool": NOTES.made_by, "DigitalSourceType": xmp.SOURCE_TYPE}


def gray() -> Image.Image:
    return Image.fromarray(np.linspace(20, 230, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.uint8))


@functools.cache
def tagged(suffix: str, *more: str) -> bytes:
    """A photo with all of the metadata above, with a thumbnail's place in a JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"photo{suffix}")
        if suffix == ".heic":
            pillow_heif.from_pillow(gray()).save(path)
        else:
            gray().save(path)
        exiftool.write(path, *_TAGS, *(_IPTC if suffix in (".jpg", ".tif", ".png", ".jp2") else []), *more)
        return path.read_bytes()


def made(content: bytes, form: str, notes: Notes = NOTES) -> bytes:
    photo = open_photo(content, max_pixels=10_000)
    luma = photo.luma()
    planes = Planes(luma, flat_chroma(120, 140), shrink(luma, (32, 32)))
    return results.write(planes, form, 90, photo.metadata(notes), map)


def read(content: bytes, form: str, *tags: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"result{SUFFIXES[form]}")
        path.write_bytes(content)
        return exiftool.read(path, *tags)


def bare(tags: dict[str, object]) -> dict[str, object]:
    """The values by names without groups, as exiftool answers."""
    return {name.split(":")[-1]: value for name, value in tags.items()}


PAIRS = [(suffix, "jpeg") for suffix in (".jpg", ".tif", ".png", ".heic", ".webp", ".jp2", ".avif")]
PAIRS += [(".jpg", "png"), (".jpg", "tiff"), (".jpg", "webp"), (".png", "png"), (".tif", "tiff"), (".heic", "webp")]


@pytest.mark.parametrize(("suffix", "form"), PAIRS)
def test_date_caption_copyright_and_resolution_are_kept_and_what_made_the_result_is_said(suffix, form):
    wanted = bare(KEPT | PLACE | MADE | (KEPT_IPTC if suffix in (".jpg", ".tif", ".png", ".jp2") else {}))
    wanted |= {"ColorSpace": 1, "ExifImageWidth": SIZE[0], "ExifImageHeight": SIZE[1]}
    asked = (*KEPT, *KEPT_IPTC, *PLACE, *MADE, *LOST, "ColorSpace", "ExifImageWidth", "ExifImageHeight")
    tags = read(made(tagged(suffix), form), form, *asked, "Warning", "Error")
    assert tags == wanted | {"GPSLatitude": pytest.approx(52.5), "GPSLongitude": pytest.approx(13.4)}


@pytest.mark.parametrize(("suffix", "form"), [(".jpg", "jpeg"), (".heic", "jpeg"), (".png", "png"), (".tif", "tiff")])
def test_coordinates_go_if_asked_and_nothing_else(suffix, form):
    result = made(tagged(suffix), form, Notes("x", place=False))
    assert read(result, form, *KEPT, "GPS:all", "XMP:GPSLongitude", "Composite:GPSPosition") == bare(KEPT)
    assert b"GPS" not in result


@pytest.mark.parametrize("form", SUFFIXES)
def test_nothing_of_the_photo_is_left_if_asked_but_what_made_the_result_is_said(form):
    result = made(tagged(".jpg"), form, Notes(NOTES.made_by, keep=False))
    kept = [tag for tag in KEPT if "Resolution" not in tag]
    assert read(result, form, *kept, *KEPT_IPTC, *PLACE, *MADE) == bare(MADE)
    assert Image.open(io.BytesIO(result)).info.get("dpi") != (600, 300)
    for secret in ("Großmutter", "Zeiss", "Berlin", "Schön", "1944"):
        assert secret.encode() not in result


@pytest.mark.parametrize("form", SUFFIXES)
def test_a_turned_photos_resolutions_change_places(form):
    photo = tagged(".jpg", "-Orientation#=6")
    assert open_photo(photo, max_pixels=10_000).size == SIZE[::-1]
    result = made(photo, form)
    assert read(result, form, "XResolution", "YResolution", "Orientation") == {"XResolution": 300, "YResolution": 600}
    assert Image.open(io.BytesIO(result)).size == SIZE[::-1]


@pytest.mark.parametrize("form", SUFFIXES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_resolution_without_exif_is_kept(kind, form):
    buffer = io.BytesIO()
    gray().save(buffer, kind, dpi=(300, 300))
    density = read(made(buffer.getvalue(), form), form, "XResolution", "YResolution", "ResolutionUnit")
    assert density == {"XResolution": pytest.approx(300, abs=0.1), "YResolution": pytest.approx(300, abs=0.1)} | {
        "ResolutionUnit": 2
    }


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff"])
def test_everyday_programs_see_the_resolution(form):
    dpi = Image.open(io.BytesIO(made(tagged(".tif"), form))).info["dpi"]
    assert dpi == pytest.approx((600, 300), abs=0.1)


def test_the_texts_of_a_png_become_tags_and_stay_texts():
    texts, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, text in {"Description": "Grüße", "Author": "Zoë", "Creation Time": "Tue, 6 Jun 1944 06:30:00 GMT"}.items():
        texts.add_itxt(key, text)
    texts.add_text("Software", "Scan")
    gray().save(buffer, "PNG", pnginfo=texts)
    tags = read(made(buffer.getvalue(), "jpeg"), "jpeg", "ImageDescription", "Artist", "DateTimeOriginal")
    assert tags == {"ImageDescription": "Grüße", "Artist": "Zoë", "DateTimeOriginal": "1944:06:06 06:30:00"}
    info = Image.open(io.BytesIO(made(buffer.getvalue(), "png"))).info
    assert (info["Description"], info["Author"]) == ("Grüße", "Zoë") and "Software" not in info


def test_a_jpegs_comment_is_kept():
    buffer = io.BytesIO()
    gray().save(buffer, "JPEG", comment=b"Oma, 1944")
    assert read(made(buffer.getvalue(), "jpeg"), "jpeg", "Comment") == {"Comment": "Oma, 1944"}


def test_a_programs_note_of_the_files_layout_is_no_caption():
    buffer = io.BytesIO()
    gray().save(buffer, "TIFF", description='{"shape": [32, 48]}')
    assert read(made(buffer.getvalue(), "tiff"), "tiff", "ImageDescription") == {}


@pytest.mark.parametrize("form", SUFFIXES)
def test_results_with_metadata_are_whole_for_other_readers(form):
    with Image.open(io.BytesIO(made(tagged(".tif"), form))) as image:
        image.load()
        assert (image.size, image.mode, image.getexif().get(274, 1)) == (SIZE, "RGB", 1)


# --- metadata that are broken, hostile, or too many ------------------------------------------------------------------


def test_of_metadata_of_more_than_a_megabyte_the_longest_are_dropped():
    photo = tagged(".png")
    at = photo.index(b"IDAT") - 4
    large = photo[:at] + chunk(b"tEXt", b"Comment\0" + b"x" * (MAX_BYTES - 100)) + photo[at:]
    result = made(large, "png")
    assert len(result) < 20_000 and read(result, "png", *MADE, "Artist") == bare(MADE) | {"Artist": "Zoë B."}


def test_what_does_not_fit_into_a_jpegs_segments_is_left_out_and_all_else_kept():
    photo = tagged(".tif", "-XMP-dc:Rights=" + "r" * 70_000, "-HostComputer=" + "h" * 70_000)
    tags = read(made(photo, "jpeg"), "jpeg", "Artist", "HostComputer", "Rights", "Headline", "DigitalSourceType")
    assert tags == {"Artist": "Zoë B.", "Headline": "Schön", "DigitalSourceType": xmp.SOURCE_TYPE}
    assert len(read(made(photo, "tiff"), "tiff", "HostComputer")["HostComputer"]) == 70_000


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 20) for c in range(ord("b"), ord("k")))
    + b']><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="%s"/></rdf:RDF></x:xmpmeta>'
)
HOSTILE = {
    "an entity in an attribute": LAUGHS % b"&j;",
    "a file of the system": LAUGHS.replace(b'a "ha"', b'a SYSTEM "file:///etc/passwd"') % b"&a;",
    "no XML": b"\xff\xfe<rdf",
    "deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "no RDF": b"<x/>",
    "EBCDIC": '<?xml version="1.0" encoding="cp037"?><x/>'.encode("cp037"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_xmp_is_dropped_at_once(name):
    photo, began = tagged(".png"), time.process_time()
    at = photo.index(b"IDAT") - 4
    packet = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + HOSTILE[name])
    head = photo[:at].split(b"iTXtXML:com")[0]
    result = made(head[: -4 if head != photo[:at] else None] + packet + photo[at:], "png")
    assert time.process_time() - began < 2
    assert b"root:" not in result and b"haha" not in result and read(result, "png", *MADE) == bare(MADE)


def test_directories_that_name_each_other_end():
    entries = struct.pack("<HHLL", 34665, 4, 1, 8) + struct.pack("<HHLL", 34853, 4, 1, 8)
    block = b"II*\0" + struct.pack("<LH", 8, 2) + entries + struct.pack("<L", 8)
    assert len(exif.written(exif.kept(exif.read(block), turned=False, place=True))) < 1000


def without_errors(kind: str, data: bytes) -> Metadata:
    """The metadata of bytes of which anything may be broken, written in all ways."""
    metadata = metadata_of(kind, data, 1, SIZE, NOTES)
    luma = np.full((2, 2), 99, np.uint8)
    for form in SUFFIXES:
        content = results.write(Planes(luma, flat_chroma(128, 128), luma), form, 90, metadata, map)
        Image.open(io.BytesIO(content)).load()
    return metadata


_KINDS = {".jpg": "JPEG", ".tif": "TIFF", ".png": "PNG", ".heic": "HEIC", ".webp": "WebP", ".jp2": "JPEG 2000"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", _KINDS)
def test_changed_metadata_never_stop_a_result(suffix):
    whole, chance = tagged(suffix), random.Random(suffix)
    assert without_errors(_KINDS[suffix], whole).exif.main
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randrange(5)] = chance.choice((b"\xff" * 4, bytes(4), chance.randbytes(3), b""))
        without_errors(_KINDS[suffix], bytes(changed))


@settings(max_examples=150)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0II*\0\x08\0\0\0"])
)
def test_any_bytes_may_stand_for_exif_iptc_and_xmp(data, head):
    with contextlib.suppress(struct.error):  # the one error that the callers expect: it is cut off
        exif.written(exif.kept(exif.read(head + data), turned=True, place=True))
    iptc.kept(b"\x1c\x02" + data)
    with contextlib.suppress(struct.error, IndexError):
        iptc.of_photoshop(b"8BIM\4\4" + data)
