"""HEIC and AVIF: boxes, items, properties and references."""

import functools
import io
import struct
from dataclasses import dataclass, field

import pillow_heif
from PIL import Image

from tests.support.bombs import MEGABYTE, bombs
from tests.support.bombs.segments import photo
from tests.support.bombs.texts import MANY
from tests.support.pictures.files import rgb_profile, save


def box(name: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)


def full(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def boxes(data: bytes, at: int = 0, end: int | None = None) -> dict[bytes, bytes]:
    """Bodies of boxes by name; of several of a name the first."""
    found, end = dict[bytes, bytes](), len(data) if end is None else end
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        found.setdefault(name, data[at + 8 : at + length])
        at += length
    return found


@dataclass
class Heif:
    """A file that can hold anything beside its picture.

    Attributes:
        items: type, bytes and whole property boxes of each, numbered from 1; the first one is shown.
        references: whole boxes, of 16-bit numbers.
        in_meta, in_front, behind: further boxes.
        places: further entries of where the items stand.
    """

    brand: bytes
    items: list[tuple[bytes, bytes, list[bytes]]]
    references: bytes = b""
    in_meta: bytes = b""
    in_front: bytes = b""
    behind: bytes = b""
    spare: list[bytes] = field(default_factory=list)
    brands: bytes = b""

    def written(self) -> bytes:
        known = list(dict.fromkeys(each for _, _, properties in self.items for each in properties))
        entries, associations = [], []
        index = {value: i + 1 for i, value in enumerate(known)}
        for i, (kind, _, properties) in enumerate(self.items):
            entries.append(full(b"infe", struct.pack(">HH4sx", i + 1, 0, kind), version=2))
            numbers = [index[value] for value in properties]
            associations.append(struct.pack(f">HB{len(numbers)}H", i + 1, len(numbers), *numbers))
        head = box(b"ftyp", self.brand, bytes(4), b"mif1", self.brand, self.brands) + self.in_front
        rest = b"".join(
            [
                full(b"hdlr", bytes(4), b"pict", bytes(13)),
                full(b"pitm", struct.pack(">H", 1)),
                full(b"iinf", struct.pack(">H", len(self.items)), *entries),
                full(b"iref", self.references) if self.references else b"",
                box(
                    b"iprp",
                    box(b"ipco", *known, *self.spare),
                    full(b"ipma", struct.pack(">I", len(self.items)), *associations, flags=1),
                ),
                self.in_meta,
            ]
        )
        at = len(head) + 12 + len(rest) + 16 + 14 * len(self.items) + 8
        places = []
        for i, (_, payload, _) in enumerate(self.items):
            places.append(struct.pack(">HHHLL", i + 1, 0, 1, at, len(payload)))
            at += len(payload)
        places = full(b"iloc", struct.pack(">BBH", 0x44, 0, len(self.items)), *places)
        pixels = box(b"mdat", *(payload for _, payload, _ in self.items))
        return head + full(b"meta", rest, places) + pixels + self.behind


def coded(brand: bytes, image: Image.Image) -> tuple[bytes, bytes, list[bytes]]:
    """A picture as an item."""
    if brand == b"avif":
        data, kind = save(image, "AVIF"), b"av01"
    else:
        buffer = io.BytesIO()
        pillow_heif.from_pillow(image).save(buffer, quality=90)
        data, kind = buffer.getvalue(), b"hvc1"
    top = boxes(data)
    meta = boxes(top[b"meta"], 4)
    properties = boxes(boxes(meta[b"iprp"])[b"ipco"])
    return kind, top[b"mdat"], [box(name, body) for name, body in properties.items()]


@functools.cache
def shown(brand: bytes) -> tuple[bytes, bytes, list[bytes]]:
    return coded(brand, photo())


def plain(brand: bytes, **more) -> Heif:
    return Heif(brand, [shown(brand)], **more)


def grid(brand: bytes, columns: int = 2, rows: int = 2) -> Heif:
    """The picture in tiles."""
    image = photo()
    width, height = image.width // columns, image.height // rows
    tiles = [
        coded(brand, image.crop((x, y, x + width, y + height)))
        for y in range(0, image.height, height)
        for x in range(0, image.width, width)
    ]
    size = full(b"ispe", struct.pack(">II", *image.size))
    of_tiles = [each for each in tiles[0][2] if each[4:8] in (b"pixi", b"colr")]
    whole = (b"grid", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *image.size), [size, *of_tiles])
    numbers = range(2, len(tiles) + 2)
    references = box(b"dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *numbers))
    return Heif(brand, [whole, *tiles], references)


def sequence(count: int) -> bytes:
    """A sequence of two frames that says it has more of them, each of no bytes."""
    image = photo()
    data = save(image, "AVIF", save_all=True, append_images=[image.rotate(180)])
    at = data.index(b"stsz") + 8
    return data[:at] + struct.pack(">II", 0, count) + data[at + 8 :]


def large_grid(brand: bytes) -> bytes:
    """A grid of which the item itself says more pixels than its property."""
    heif = grid(brand)
    kind, _, properties = heif.items[0]
    heif.items[0] = kind, struct.pack(">BBBBLL", 0, 1, 1, 1, 12_000, 12_000), properties
    return heif.written()


def hidden_pixels(brand: bytes) -> bytes:
    """A small picture whose coded one has twelve megapixels."""
    kind, payload, properties = coded(brand, Image.new("L", (4000, 3000)))
    size = [each for each in shown(brand)[2] if each[4:8] in SIZES]
    return Heif(brand, [(kind, payload, [*size, *(one for one in properties if one[4:8] not in SIZES)])]).written()


def large_tiles(brand: bytes) -> bytes:
    """A grid of tiles whose pixels are more than they say: each is as large as the whole picture."""
    heif = grid(brand)
    whole = shown(brand)
    size = [each for each in heif.items[1][2] if each[4:8] == b"ispe"]
    tile = (whole[0], whole[1], [*size, *(each for each in whole[2] if each[4:8] != b"ispe")])
    heif.items[1:] = [tile] * (len(heif.items) - 1)
    return heif.written()


SIZES = b"ispe", b"clap"
THUMBNAIL = full(b"ispe", struct.pack(">II", 20_000, 20_000))

BOMBS = [
    one
    for kind, brand in (("AVIF", b"avif"), ("HEIC", b"heic"))
    for one in [
        *bombs(
            kind,
            lambda brand=brand: plain(brand).written(),
            {
                "20 MB of EXIF": lambda _, b=brand: with_items(b, (b"Exif", MANY.ljust(20 * MEGABYTE, b"\0"), [])),
                "20 MB of XMP": lambda _, b=brand: with_items(b, (b"mime", bytes(20 * MEGABYTE), [])),
                "an EXIF block of 65,535 entries": lambda _, b=brand: with_items(b, (b"Exif", bytes(4) + MANY, [])),
                "a thousand texts": lambda _, b=brand: with_items(b, *[(b"mime", b"<rdf/>", [])] * 1_000),
                "a thousand thumbnails": lambda _, b=brand: with_items(
                    b,
                    *[(shown(b)[0], b"", [THUMBNAIL])] * 1_000,
                    references=b"".join(box(b"thmb", struct.pack(">HHH", i, 1, 1)) for i in range(2, 1002)),
                ),
                "references to thousands of items": lambda _, b=brand: plain(
                    b, references=box(b"cdsc", struct.pack(">HH", 1, 65_535) + b"\0\1" * 65_535) * 100
                ).written(),
                "thousands of properties": lambda _, b=brand: plain(b, spare=[full(b"abcd")] * 10_000).written(),
                "a profile of 20 MB": lambda _, b=brand: with_properties(
                    b, box(b"colr", b"prof", rgb_profile().ljust(20 * MEGABYTE, b"\0"))
                ),
                "20 MB before its pixels": lambda _, b=brand: plain(
                    b, in_front=box(b"free", bytes(20 * MEGABYTE))
                ).written(),
                "20 MB behind its pixels": lambda _, b=brand: plain(
                    b, behind=box(b"free", bytes(20 * MEGABYTE))
                ).written(),
                "thousands of boxes": lambda _, b=brand: plain(b, behind=box(b"free") * 100_000).written(),
                "thousands of boxes in its list": lambda _, b=brand: plain(b, in_meta=box(b"free") * 10_000).written(),
                "thousands of brands": lambda _, b=brand: plain(b, brands=b"abcd" * 1_000_000).written(),
            },
        ),
        *bombs(
            kind,
            lambda brand=brand: plain(brand).written(),
            {
                "thousands of items": lambda _, b=brand: with_items(b, *[(b"mime", b"", [])] * 30_000),
                "twenty thousand properties": lambda _, b=brand: plain(b, spare=[full(b"abcd")] * 20_000).written(),
            },
            refused=True,
        ),
        *bombs(
            kind,
            lambda brand=brand: grid(brand).written(),
            {"a thousand texts beside its tiles": lambda _, b=brand: with_texts(grid(b))},
        ),
        *bombs(
            kind,
            lambda brand=brand: grid(brand).written(),
            {
                "a grid of more pixels than it says": lambda _, b=brand: large_grid(b),
                "more pixels than it says": lambda _, b=brand: hidden_pixels(b),
                "tiles of more pixels than they say": lambda _, b=brand: large_tiles(b),
            },
            refused=True,
        ),
    ]
] + bombs(
    "AVIF",
    lambda: sequence(2),
    {"a million frames": lambda _: sequence(1_000_000)},
)


def with_items(brand: bytes, *items: tuple[bytes, bytes, list[bytes]], references: bytes = b"") -> bytes:
    heif = plain(brand, references=references)
    heif.items += items
    return heif.written()


def with_texts(heif: Heif) -> bytes:
    heif.items += [(b"mime", b"<rdf/>", [])] * 1_000
    return heif.written()


def with_properties(brand: bytes, *properties: bytes) -> bytes:
    kind, payload, own = shown(brand)
    return Heif(brand, [(kind, payload, [*own, *properties])]).written()
