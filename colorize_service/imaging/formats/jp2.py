"""The boxes of a JP2 (ITU-T T.800, Annex I): where its codestream begins, and what its samples mean.

The decoder heeds little of that: so what it would get wrong is done here, or refused.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.profiles import MAX_PROFILE_BYTES

#: Boxes of a file, and bytes of one that is needed.
MAX_BOXES, MAX_BOX = 65_536, 65_536

_SUPER = {b"jp2h"}  # boxes of boxes
_KEPT = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"}
_HEAD = struct.Struct(">I4s")

# Of colour specifications (I.5.3.3, and T.801, M.11.7.3): the methods, and the spaces that have a number.
_ENUMERATED, _PROFILES = 1, (2, 3)
_CMYK, _SRGB, _GRAY, SYCC, _LAST_SPACE = 12, 16, 17, 18, 24
_SPACES = {1: {_SRGB, _GRAY}, 2: {_SRGB, _GRAY}, 3: {_SRGB, SYCC}, 4: {_SRGB, SYCC, _CMYK}}  # by components
# Of channel definitions (I.5.3.6): colours, and how opaque they are.
_COLOUR, _OPACITY = 0, 1

Palette = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Boxes:
    """What a JP2 says of its codestream.

    Attributes:
        start: where that begins.
        bodies: of the boxes that are needed, by name, the first of each.
        icc: the colour profile, or None.
    """

    start: int
    bodies: dict[bytes, bytes]
    icc: bytes | None

    @property
    def space(self) -> int | None:
        """The number of the colour space, or None where it has a profile, or nothing is said."""
        body = self.bodies.get(b"colr", b"")
        number = int.from_bytes(body[3:7], "big") if body[:1] == b"\1" else 0
        return number if 0 < number <= _LAST_SPACE else None  # OpenJPEG writes 0, exiftool 65535 for "unknown"

    def head(self) -> bytes:
        """The boxes in front of a codestream, of what the decoder needs."""
        header = [_box(name, self.bodies[name]) for name in (b"ihdr", b"bpcc") if name in self.bodies]
        if b"pclr" in self.bodies:  # indexes are grays to it
            header.append(_box(b"colr", struct.pack(">BBBI", _ENUMERATED, 0, 0, _GRAY)))
        elif self.bodies.get(b"colr"):  # of a profile it is told that there is one
            colr = self.bodies[b"colr"]
            header.append(_box(b"colr", colr[:7] if colr[0] == _ENUMERATED else b"\2" + colr[1:3] + bytes(4)))
        signature = b"\0\0\0\x0cjP  \r\n\x87\n" + _box(b"ftyp", struct.pack(">4sI4s", b"jp2 ", 0, b"jp2 "))
        return signature + _box(b"jp2h", b"".join(header))

    def palette(self, components: int) -> Palette | None:
        """The colours that the samples are indexes of: (entries, 3 or 4), with alpha last.

        Raises:
            ImageError: they are of a kind that is not read.
        """
        body = self.bodies.get(b"pclr")
        if body is None:
            return None
        entries, columns = struct.unpack_from(">HB", body)
        table = np.frombuffer(body[3 + columns :], np.uint8)
        in_order = b"".join(struct.pack(">HBB", 0, 1, i) for i in range(columns))
        plain = columns in (3, 4) and set(body[3 : 3 + columns]) == {7} and self.space in (None, _SRGB)
        if components != 1 or not plain or self.bodies.get(b"cmap") != in_order or len(table) != entries * columns:
            raise _refusal()
        return table.reshape(entries, columns)

    def check(self, components: int) -> None:
        """Refuse what the samples mean where it is not what the decoder takes them for.

        Raises:
            ImageError: of that.
        """
        palette = self.palette(components)
        if palette is None and self.icc is None and self.space is not None and self.space not in _SPACES[components]:
            raise _refusal()
        channels = components if palette is None else palette.shape[1]
        body = self.bodies.get(b"cdef", b"")
        for i in range(min(len(body) // 6, int.from_bytes(body[:2], "big"))):
            channel, kind, colour = struct.unpack_from(">HHH", body, 2 + 6 * i)
            is_alpha = channels in (2, 4) and channel == channels - 1 and self.space != _CMYK
            if kind != (_OPACITY if is_alpha else _COLOUR) or (not is_alpha and colour != channel + 1):
                raise _refusal()


def _box(name: bytes, body: bytes) -> bytes:
    return _HEAD.pack(8 + len(body), name) + body


def _refusal() -> ImageError:
    return ImageError("This kind of JPEG 2000 is not supported; a plain 8-bit or 16-bit picture is.")


def boxes_of(data: bytes) -> Boxes:
    """Go over the boxes by their lengths.

    Raises:
        ImageError: there is no codestream.
    """
    at, icc = 12, None
    bodies: dict[bytes, bytes] = {}
    for _ in range(MAX_BOXES):
        length, name = _HEAD.unpack_from(data, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = len(data) if length == 0 else at + length
        if name == b"jp2c":
            return Boxes(body, bodies, icc)
        if end <= at:
            break
        if name in _SUPER:
            at = body
            continue
        if name == b"colr" and body < len(data) and data[body] in _PROFILES:
            icc = icc or (data[body + 3 : end] if end - body <= MAX_PROFILE_BYTES else None)
            bodies.setdefault(name, data[body : body + 3])
        elif name in _KEPT and end - at <= MAX_BOX and (name != b"colr" or data[body : body + 1] == b"\1"):
            bodies.setdefault(name, data[body:end])
        at = end
    raise ImageError("The JPEG 2000 is damaged: its picture is not found.")
