"""The first frame of an AVIF sequence (ISO/IEC 14496-12, 8.3 to 8.7) as the items of a still picture."""

import contextlib
import struct
from dataclasses import dataclass, field

from colorize_service.imaging.formats.boxes import MAX_BOXES, split
from colorize_service.imaging.formats.items import Item, Items, Property, needed

_ENTRY = 78  # bytes of a visual sample entry in front of its boxes
_ALPHA = Property(b"auxC", memoryview(bytes(4) + b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"))
_INNER = {b"mdia", b"minf", b"stbl", b"tref"}


@dataclass
class _Track:
    number: int = 0
    size: tuple[int, int] = (0, 0)
    belongs_to: int = 0
    multiplied: bool = False
    boxes: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def item(self, data: bytes) -> Item | None:
        """The first sample, as an item."""
        view = memoryview(data)
        described, sizes = self.boxes.get(b"stsd"), self.boxes.get(b"stsz")
        offsets, wide = self.boxes.get(b"stco"), self.boxes.get(b"co64")
        if not described or not sizes or not (offsets or wide):
            return None
        entry = described[0] + 8
        length, kind = struct.unpack_from(">I4s", data, entry)
        if kind != b"av01":
            return None
        properties = [
            Property(name, view[start:stop])
            for name, start, stop in split(data, entry + 8 + _ENTRY, min(entry + length, described[1]), [MAX_BOXES])
        ]
        properties = [one for one in needed(properties) if one.name not in (b"ispe", b"auxC")]
        properties.append(Property(b"ispe", memoryview(struct.pack(">xxxxII", *self.size))))
        (uniform, count) = struct.unpack_from(">II", data, sizes[0] + 4)
        size = uniform or (struct.unpack_from(">I", data, sizes[0] + 12)[0] if count else 0)
        at = struct.unpack_from(">Q" if wide else ">I", data, (wide or offsets or (0, 0))[0] + 8)[0]
        piece = view[at : at + size]
        return Item(kind, properties, pieces=[piece], whole=0 < len(piece) == size)


def first_frame(data: bytes) -> Items:
    """The first frame and its alpha; nothing if there is no track of pictures."""
    tracks: list[_Track] = []
    with contextlib.suppress(struct.error, IndexError):
        left = [MAX_BOXES]
        for name, start, stop in split(data, 0, len(data), left):
            if name == b"moov":
                tracks += [
                    _track(data, body, close, left)
                    for inner, body, close in split(data, start, stop, left)
                    if inner == b"trak"
                ]
    found: Items = {}
    with contextlib.suppress(struct.error, IndexError):
        for track in tracks:
            item = None if track.belongs_to or found else track.item(data)
            if item is None:
                continue
            found[1] = item
            alphas = (other.item(data) for other in tracks if other.belongs_to == track.number)
            alpha = next((other for other in alphas if other is not None), None)
            if alpha:
                alpha.properties.append(_ALPHA)
                item.alpha, item.multiplied, found[2] = 2, track.multiplied, alpha
    return found


def _track(data: bytes, at: int, end: int, left: list[int]) -> _Track:
    track = _Track()
    waiting = [(at, end)]
    while waiting:
        for name, start, stop in split(data, *waiting.pop(), left):
            if name in _INNER:
                waiting.append((start, stop))
            elif name == b"tkhd":
                wide = data[start] == 1
                (track.number,) = struct.unpack_from(">I", data, start + (20 if wide else 12))
                width, height = struct.unpack_from(">II", data, start + (88 if wide else 76))
                track.size = width >> 16, height >> 16
            elif name == b"auxl":
                (track.belongs_to,) = struct.unpack_from(">I", data, start)
            elif name == b"prem":
                track.multiplied = True
            else:
                track.boxes.setdefault(name, (start, stop))
    return track
