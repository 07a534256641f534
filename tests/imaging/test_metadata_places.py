"""Wherever a photo says where it was taken: with ``--strip-gps`` no result says it, and without it nothing is lost."""

import io

import numpy as np
import pytest
from PIL import Image

from colorize_service.imaging.metadata import Notes
from tests.support import exiftool, tagged
from tests.support.tagged import block, jpeg, png, raw_profile, text, webp

LATITUDE = 123456  # a number of which no result has any other use
_FRACTIONS = b"".join(int(n).to_bytes(4, "little") for n in (LATITUDE, 1000, 0, 1, 0, 1))
COORDINATES = [_FRACTIONS[:4], b"123.456", b"123456"]
GPS = {2: (5, 3, _FRACTIONS), 1: text(b"N\0")}


def exif() -> bytes:
    """Coordinates in the directory for them, in the one of the thumbnail, in the maker's note and in private tags."""
    there = 8 + len(tagged.directory(8, dict.fromkeys([315, 34853, 33922, 34665, 37500], (4, 1, bytes(4)))))
    gps = tagged.directory(there, GPS)
    details = tagged.directory(
        there + len(gps), {36867: text(tagged.DATE), 37500: (7, 24, _FRACTIONS), 33922: (5, 3, _FRACTIONS)}
    )
    main = {
        315: text(b"Zo\0"),
        34853: (4, 1, there.to_bytes(4, "little")),
        34665: (4, 1, (there + len(gps)).to_bytes(4, "little")),
        33922: (4, 1, LATITUDE.to_bytes(4, "little")),
        37500: (4, 1, LATITUDE.to_bytes(4, "little")),
    }
    first = tagged.directory(8, main)
    after = there + len(gps) + len(details)
    thumbnail = tagged.directory(after, {34853: (4, 1, there.to_bytes(4, "little")), 2: (5, 3, _FRACTIONS)})
    return b"II*\0\x08\0\0\0" + first[:-4] + after.to_bytes(4, "little") + gps + details + thumbnail


_GEO = "<{0}>123.456</{0}>"
XMP = {
    "EXIF's names": _GEO.format("exif:GPSLatitude"),
    "an attribute of a place": '<ext:LocationCreated rdf:parseType="Resource"><rdf:Description '
    'exif:GPSLatitude="123.456" ext:City="Berlin"/></ext:LocationCreated>',
    "a drone's names": _GEO.format("dji:GpsLongtitude") + _GEO.format("dji:AbsoluteAltitude"),
    "the names of maps": _GEO.format("geo:lat") + _GEO.format("georss:point") + _GEO.format("georss:where"),
    "a comment": "<!-- 123.456 -->",
}
OUTSIDE = {
    "a second RDF": '<rdf:RDF><rdf:Description exif:GPSLatitude="123.456"/></rdf:RDF>',
    "an element beside": _GEO.format("exif:GPSLatitude"),
}
TITLE = "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Grandma</rdf:li></rdf:Alt></dc:title>"


def photos() -> dict[str, bytes]:
    found = {
        "EXIF of a JPEG": jpeg((0xE1, b"Exif\0\0" + exif())),
        "EXIF of a JPEG, twice": jpeg((0xE1, b"Exif\0\0" + block({315: text(b"Zo\0")})), (0xE1, b"Exif\0\0" + exif())),
        "EXIF in Photoshop's resources": jpeg((0xED, b"Photoshop 3.0\0" + resource(0x0422, exif()))),
        "XMP in Photoshop's resources": jpeg(
            (0xED, b"Photoshop 3.0\0" + resource(0x0424, tagged.xmp(XMP["EXIF's names"])))
        ),
        "EXIF of a PNG": png((b"eXIf", exif())),
        "EXIF in a text of a PNG": png(raw_profile("exif", b"Exif\0\0" + exif())),
        "EXIF in a PNG twice": png(raw_profile("APP1", b"Exif\0\0" + exif()), (b"eXIf", exif())),
        "texts of a PNG": png(
            *((b"tEXt", key + b"\x00123.456") for key in (b"exif:GPSLatitude", b"GPSLatitude", b"Latitude", b"geo:lat"))
        ),
        "XMP in a text of a PNG": png(
            raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + tagged.xmp(XMP["EXIF's names"]))
        ),
        "EXIF of a WebP": webp((b"EXIF", exif()), (b"XMP ", tagged.xmp(XMP["EXIF's names"]))),
        "private tags of a TIFF": geotiff(),
        "XMP in two JPEG segments": in_two_segments(tagged.xmp(XMP["EXIF's names"] + TITLE)),
        "an attribute of XMP's root": jpeg(segment_of(tagged.xmp(TITLE, of_root='exif:GPSLatitude="123.456"'))),
    }
    found |= {f"XMP: {name}": jpeg(segment_of(tagged.xmp(inside + TITLE))) for name, inside in XMP.items()}
    return found | {f"XMP: {name}": jpeg(segment_of(tagged.xmp(TITLE, beside))) for name, beside in OUTSIDE.items()}


def segment_of(packet: bytes) -> tuple[int, bytes]:
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet


def in_two_segments(more: bytes) -> bytes:
    name = b"0123456789ABCDEF" * 2
    main = tagged.xmp(f"<note:HasExtendedXMP>{name.decode()}</note:HasExtendedXMP>")
    head = b"http://ns.adobe.com/xmp/extension/\0" + name + len(more).to_bytes(4, "big")
    pieces = [(0xE1, head + at.to_bytes(4, "big") + more[at : at + 300]) for at in range(0, len(more), 300)]
    return jpeg(segment_of(main), *reversed(pieces))


def resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + number.to_bytes(2, "big") + bytes(2) + len(body).to_bytes(4, "big") + body + bytes(len(body) % 2)


def geotiff() -> bytes:
    buffer = io.BytesIO()
    tags = {33922: (123.456,) * 6, 34737: "123.456", 42112: "<x>123.456</x>", 270: "Grandma"}
    info = Image.Exif()
    for tag, value in tags.items():
        info[tag] = value
    Image.fromarray(np.full(tagged.SIZE[::-1], 99, np.uint8)).save(buffer, "TIFF", exif=info)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize("name", photos())
def test_no_coordinates_are_left_anywhere_if_asked(name, form):
    content = photos()[name]
    assert any(each in content or each.hex().encode() in content.replace(b"\n", b"") for each in COORDINATES)
    result = tagged.made(content, form, Notes("x", place=False))
    found = [each for each in COORDINATES if each in result]
    assert not found, f"{found} in the result"
    assert b"GPS" not in result


@pytest.mark.parametrize("name", [name for name in photos() if name.startswith("XMP: ")])
def test_a_title_stays_when_coordinates_go(name):
    assert b"Grandma" in tagged.made(photos()[name], "jpeg", Notes("x", place=False))


@pytest.mark.parametrize("name", ["EXIF of a JPEG", "EXIF of a PNG", "EXIF in a text of a PNG", "EXIF of a WebP"])
def test_coordinates_stay_if_nobody_asks(name):
    assert tagged.metadata(photos()[name]).exif.gps[2].value == _FRACTIONS


@pytest.mark.slow  # exiftool
def test_exiftool_finds_no_coordinates_in_a_photo_that_had_all_of_its_own(tmp_path):
    """exiftool knows some hundred tags of places; all that it can write are in the photo."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(tagged.saved("JPEG"))
    exiftool.write(photo, "-GPS:all#=5", "-XMP:GPS*#=5", "-XMP:*Latitude*=5", "-XMP:*Longitude*=5", "-XMP-cell:all=5")
    asked = "GPS:all", "XMP:GPS*", "*Latitude", "*Longitude", "*Altitude", "XMP-cell:all"
    assert len(exiftool.read(photo, *asked)) > 40
    result = tmp_path / "result.jpg"
    result.write_bytes(tagged.made(photo.read_bytes(), "jpeg", Notes("x", place=False)))
    assert exiftool.read(result, *asked) == {}


# --- Machine tags ----------------------------------------------------------------------------------------------------

WORDS = ["geo:lat=123.456", "Geo:Lon = 123.456", "geo:long=123.456", "geo:alt=123456"]
KEYWORDS = ["family", *WORDS, "geo:city=Ulm", "geology"]


def with_keywords() -> dict[str, bytes]:
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in KEYWORDS)
    windows = ";".join(KEYWORDS).encode("utf-16-le") + b"\0\0"
    iim = b"".join(b"\x1c\2\x19" + len(word).to_bytes(2, "big") + word.encode() for word in KEYWORDS)
    listed = ", ".join(KEYWORDS).encode()
    return {
        "XMP": jpeg(segment_of(tagged.xmp(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>"))),
        "EXIF of Windows": jpeg((0xE1, b"Exif\0\0" + block({40094: (1, len(windows), windows)}))),
        "IPTC": jpeg((0xED, b"Photoshop 3.0\0" + resource(0x0404, iim))),
        "a PNG's text": png((b"tEXt", b"Keywords\0" + listed)),
    }


@pytest.mark.parametrize("place", [True, False])
@pytest.mark.parametrize("name", with_keywords())
def test_keywords_that_are_coordinates_are_left_out_with_them(name, place):
    """As Flickr and its helpers write them."""
    kept = tagged.metadata(with_keywords()[name], place=place)
    told = [kept.xmp[0], kept.iptc, *(each.value for each in kept.exif.main.values()), str(kept.texts).encode()]
    said = b"".join(told).replace(b"\0", b"")
    for word in WORDS:
        assert (word.encode() in said) == place, word
    for word in ("family", "geo:city=Ulm", "geology"):
        assert word.encode() in said, word
