"""Metadata in places and forms that only some programs write: they are found, and none costs another."""

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import TiffImagePlugin

from colorize_service.imaging.metadata import MAX_BYTES, Metadata, Notes, exif, iptc, metadata_of
from tests.support import tagged
from tests.support.tagged import (
    ARTIST,
    TAKEN,
    UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    block,
    heic_items,
    jpeg,
    only_a_date,
    png,
    raw_profile,
    text,
    webp,
)

ZO = block({ARTIST: text(b"Zo\0")})
IPTC = b"\x1c\1\x5a\0\3\x1b%G" + b"\x1c\2\x50\0\3Zo\xc3"
XMP = tagged.xmp("<dc:rights>Zo's</dc:rights>")
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def resource(number: int, body: bytes, signature: bytes = b"8BIM", name: bytes = b"\0\0") -> bytes:
    return signature + struct.pack(">H", number) + name + struct.pack(">L", len(body)) + body + bytes(len(body) % 2)


def artist(metadata: Metadata) -> bytes:
    return metadata.exif.main[ARTIST].value


DATES = {
    "a JPEG": lambda: jpeg((0xE1, b"Exif\0\0" + only_a_date())),
    "a JPEG with a broken block behind": lambda: jpeg(
        (0xE1, b"Exif\0\0" + only_a_date()), (0xE1, b"Exif\0\0II*\0" + bytes(9))
    ),
    "a JPEG with a broken block before": lambda: jpeg((0xE1, b"Exif\0\0II"), (0xE1, b"Exif\0\0" + only_a_date())),
    "a PNG": lambda: png((b"eXIf", only_a_date())),
    "a PNG of an old program": lambda: png(raw_profile("exif", b"Exif\0\0" + only_a_date())),
    "a PNG with broken IPTC": lambda: png(
        raw_profile("iptc", b"8BIM\4\4\xff"), raw_profile("exif", b"Exif\0\0" + only_a_date())
    ),
    "a PNG with a JPEG's segment": lambda: png(raw_profile("APP1", b"Exif\0\0" + only_a_date())),
    "a WebP": lambda: webp((b"EXIF", only_a_date()), (b"EXIF", ZO)),
    "a WebP with a JPEG's segment": lambda: webp((b"EXIF", b"Exif\0\0" + only_a_date())),
}


@pytest.mark.parametrize("name", DATES)
def test_a_photos_date_is_found(name):
    assert tagged.metadata(DATES[name]()).exif.details[TAKEN].value == tagged.DATE


@pytest.mark.parametrize("offset", [0, 6, 6000])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_the_exif_of_a_heic_is_found_whatever_its_offset_counts_from(offset, prefix):
    data = heic_items([(b"mime", b"<x/>"), (b"Exif", struct.pack(">L", offset) + prefix + ZO)])
    assert artist(metadata_of("HEIC", data, 1, tagged.SIZE, Notes("x"))) == b"Zo\0"


IPTCS = {
    "a JPEG": jpeg((0xED, b"Photoshop 3.0\0" + resource(0x0404, IPTC))),
    "a JPEG, behind another program's resource": jpeg(
        (0xED, b"Photoshop 3.0\0" + resource(1, b"x", b"MeSa", b"\3abc") + resource(0x0404, IPTC))
    ),
    "a JPEG, in two segments": jpeg(
        (0xED, b"Photoshop 3.0\0" + resource(0x0404, IPTC)[:14]),
        (0xED, b"Photoshop 3.0\0" + resource(0x0404, IPTC)[14:]),
    ),
    "a PNG": png(raw_profile("iptc", IPTC)),
    "a PNG, in Photoshop's resources": png(raw_profile("8bim", resource(0x0404, IPTC))),
    "a WebP of ours": webp((b"EXIF", block({exif.IPTC: (7, len(IPTC), IPTC)}))),
}


@pytest.mark.parametrize("name", IPTCS)
def test_a_photos_iptc_data_are_found_with_what_their_letters_are(name):
    assert tagged.metadata(IPTCS[name]).iptc == IPTC


def test_keywords_behind_a_caption_with_a_long_length_stay_and_a_preview_goes():
    caption = b"\x1c\2\x78\x80\4" + struct.pack(">L", 40_000) + b"c" * 40_000
    preview = b"\x1c\2\xca\x80\2" + struct.pack(">H", 40_000) + b"p" * 40_000
    keyword = b"\x1c\2\x19\0\1k"
    assert iptc.kept(caption + preview + keyword) == caption + keyword
    assert iptc.kept(keyword + b"\x1c\2\x19\xff\xff" + bytes(9)) == keyword


@pytest.mark.parametrize("first", ["xmp", "APP1"])
def test_the_xmp_of_a_png_of_an_old_program_is_found(first):
    packet = XMP if first == "xmp" else _XMP + XMP
    assert b"Zo's" in tagged.metadata(png(raw_profile(first, packet))).xmp[0]


def test_of_two_packets_of_xmp_the_first_counts():
    other = XMP.replace(b"Zo's", b"nobody's")
    for photo in (jpeg((0xE1, _XMP + XMP), (0xE1, _XMP + other)), webp((b"XMP ", XMP), (b"XMP ", other))):
        assert b"Zo's" in tagged.metadata(photo).xmp[0] and b"nobody" not in tagged.metadata(photo).xmp[0]


NAME = b"0123456789ABCDEF" * 2


def in_two(more: bytes, left_out: int | None = None) -> bytes:
    """A JPEG whose XMP goes on in segments of their own, their order reversed, and one of them left out."""
    main = tagged.xmp(f"<dc:title>short</dc:title><note:HasExtendedXMP>{NAME.decode()}</note:HasExtendedXMP>")
    head = b"http://ns.adobe.com/xmp/extension/\0" + NAME + struct.pack(">L", len(more))
    pieces = [(0xE1, head + struct.pack(">L", at) + more[at : at + 20_000]) for at in range(0, len(more), 20_000)]
    if left_out is not None:
        del pieces[left_out]
    return jpeg((0xE1, _XMP + main), *reversed(pieces))


def test_xmp_that_goes_on_in_other_segments_is_kept_where_there_is_room():
    long = tagged.xmp(f"<dc:description>{'long ' * 15_000}</dc:description>")
    photo = in_two(long)
    as_tiff, as_jpeg = (tagged.made(photo, form, Notes("x")) for form in ("tiff", "jpeg"))
    for word in (b"long long", b"short"):
        assert word in as_tiff
    assert b"short" in as_jpeg and b"long long" not in as_jpeg and b"HasExtended" not in as_jpeg


def test_xmp_that_goes_on_and_has_lost_a_piece_keeps_its_beginning():
    packets = tagged.metadata(in_two(tagged.xmp(f"<dc:description>{'long ' * 15_000}</dc:description>"), 1)).xmp
    assert b"short" in packets[0] and b"long long" not in packets[0]


# --- resolutions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [(0, 0), (300, 0), (0, 1)])
def test_a_resolution_that_is_none_is_not_kept_and_does_not_hide_another(fraction):
    value = (5, 1, struct.pack("<LL", *fraction))
    broken = block({X_RESOLUTION: value, Y_RESOLUTION: value, UNIT: (3, 1, b"\2\0")})
    found = tagged.metadata(jpeg((0xE1, b"Exif\0\0" + broken)))
    assert found.density is None and not {X_RESOLUTION, Y_RESOLUTION, UNIT} & found.exif.main.keys()
    with_density = png((b"eXIf", broken), (b"pHYs", struct.pack(">LLB", 11811, 11811, 1)))
    assert tagged.metadata(with_density).density == pytest.approx((300, 300), abs=0.1)


def test_a_date_of_a_thousand_years_ago_is_a_date():
    found = tagged.metadata(png((b"tEXt", b"Creation Time\x000944-06-06T06:30:00")))
    assert found.exif.details[TAKEN].value == b"0944:06:06 06:30:00\0"


# --- TIFF ------------------------------------------------------------------------------------------------------------


def tiff(tags: dict[int, object], **options: object) -> bytes:
    buffer, info = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
        if isinstance(value, bytes):
            info.tagtype[tag] = 7
    tagged.gray().save(buffer, "TIFF", tiffinfo=info, **options)
    return buffer.getvalue()


PRIVATE = {"Photoshop's layers": 37724, "a long profile": 34675, "an editor's own": 65000}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_a_program_keeps_for_itself_in_a_tiff_costs_it_no_metadata(name):
    photo = tiff({ARTIST: "Zo", PRIVATE[name]: bytes(2 * MAX_BYTES)})
    assert artist(tagged.metadata(photo)) == b"Zo\0"


def test_a_long_history_in_xmp_costs_no_caption():
    photo = tiff({ARTIST: "Zo", 700: tagged.xmp("<dc:history>" + "h" * MAX_BYTES + "</dc:history>")})
    found = tagged.metadata(photo)
    assert artist(found) == b"Zo\0" and len(found.xmp[0]) < 2000


def test_the_caption_that_stands_at_a_tiffs_thumbnail_is_kept_and_its_resolution_is_not():
    buffer = io.BytesIO()
    pixels = np.asarray(tagged.gray())
    with tifffile.TiffWriter(buffer) as file:
        file.write(pixels[::4, ::4], subfiletype=1, description="Grandma", resolution=(75, 75), metadata=None)
        file.write(pixels, resolution=(300, 300), metadata=None)
    found = tagged.metadata(buffer.getvalue())
    assert found.exif.main[exif.DESCRIPTION].value == b"Grandma\0" and found.density == pytest.approx((300, 300))


# --- what would cost time or memory ----------------------------------------------------------------------------------


def overlapping() -> bytes:
    """EXIF whose values all lie over each other, each as long as the block."""
    entries = b"".join(struct.pack("<HHLL", tag, 7, 900_000, 100_000) for tag in range(33_434, 33_434 + 4_000))
    pointer = struct.pack("<HHLL", 34665, 4, 1, 26)
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", 1)
        + pointer
        + bytes(4)
        + struct.pack("<H", 4_000)
        + entries.ljust(1_000_000)
    )


def packed(key: bytes, length: int) -> tuple[bytes, bytes]:
    """A text, which is a profile in hexadecimal digits if it is called so."""
    return b"zTXt", key + b"\0\0" + zlib.compress(b"\nx\n 9\n".ljust(length, b"0"), 1)


LARGE = {
    "values over each other": ("WebP", lambda: webp((b"EXIF", overlapping()))),
    "packed texts": ("PNG", lambda: png(*(packed(b"%d" % i, 900_000) for i in range(100)))),
    "packed profiles": ("PNG", lambda: png(*(packed(b"Raw profile type %d" % i, 900_000) for i in range(100)))),
}


@pytest.mark.parametrize("name", LARGE)
def test_metadata_take_little_memory_whatever_they_say_of_their_length(name):
    kind, make = LARGE[name]
    data = make()
    tracemalloc.start()
    metadata_of(kind, data, 1, tagged.SIZE, Notes("x"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * MAX_BYTES


def test_thousands_of_texts_that_unpack_for_ever_take_no_time():
    data, began = png(*[packed(b"k", 4_000_000)] * 4000), time.process_time()
    metadata_of("PNG", data, 1, tagged.SIZE, Notes("x"))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("where", ["within", "beside"])
def test_xmp_of_forty_thousand_properties_takes_no_time(where):
    many = "<tiff:a/> " * 40_000
    packet = tagged.xmp(many) if where == "within" else tagged.xmp("", many)
    photo, began = jp2(packet), time.process_time()
    metadata_of("JPEG 2000", photo, 1, tagged.SIZE, Notes("x", place=False))
    assert time.process_time() - began < 3


def declaring(name: str, entities: str, text: str) -> bytes:
    """A packet with a document type in front, its elements called so."""
    uri = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return (
        f'<!DOCTYPE {name} [{entities}]><{name}:RDF xmlns:{name}="{uri}"><{name}:Description xmlns:{name}_="urn:x">'
        f"<{name}_:title>{text}</{name}_:title></{name}:Description></{name}:RDF>"
    ).encode()


LAUGHS = (
    "<!ENTITY a '"
    + "ha" * 50
    + "'>"
    + "".join(f"<!ENTITY {name} '{f'&{before};' * 20}'>" for before, name in zip("abc", "bcd", strict=True))
)


@pytest.mark.parametrize("name", ["rdf", "é", "_", "ж"])
@pytest.mark.parametrize(
    ("entities", "text"),
    [(LAUGHS, "&d;"), ("<!ENTITY a 'Zo'>", "&a;"), ("<!ENTITY a SYSTEM '/etc/hostname'>", "&a;"), ("", "Zo")],
    ids=["a bomb", "an entity", "a file", "none"],
)
def test_xmp_declares_no_entities_whatever_its_elements_are_called(name, entities, text):
    """Of a packet with a document type that declares something nothing is kept, and nothing grows."""
    photo = jp2(declaring(name, entities, text))
    tracemalloc.start()
    (*_, bare) = packets = metadata_of("JPEG 2000", photo, 1, tagged.SIZE, Notes("x")).xmp
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < MAX_BYTES
    assert all(b"Zo" not in packet and b"haha" not in packet and len(packet) < 2 * len(bare) for packet in packets) or (
        not entities and b"Zo" in packets[0]
    )


def jp2(packet: bytes) -> bytes:
    body = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet
    return bytes(12) + struct.pack(">L4s", 8 + len(body), b"uuid") + body
