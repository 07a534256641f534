"""IPTC-IIM (version 4.2), bare or in Photoshop's image resources: which of its datasets a result keeps."""

import struct

from colorize_service.imaging.metadata.places import is_coordinate

_IPTC_RESOURCE = 0x0404
# Of Photoshop and of the programs that have written such resources beside it.
_SIGNATURES = {b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"}
# Records of the envelope and of the application. Not kept of these: the program that made the file, its version, and
# previews of the old pixels.
_RECORDS = {1, 2}
_LEFT_OUT = {(2, 65), (2, 70), (2, 200), (2, 201), (2, 202)}
_KEYWORD = (2, 25)


def of_photoshop(resources: bytes) -> bytes:
    """The IPTC data in Photoshop's image resources; nothing if there are none, or they are broken."""
    at = 0
    while resources[at : at + 4] in _SIGNATURES and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        at += 6 + (resources[at + 6] + 2) // 2 * 2  # the name, with its length in front, is padded
        length = int.from_bytes(resources[at : at + 4], "big")
        if number == _IPTC_RESOURCE:
            return resources[at + 4 : at + 4 + length]
        at += 4 + (length + 1) // 2 * 2
    return b""


def kept(data: bytes, *, place: bool = True) -> bytes:
    """The datasets that a result keeps; what is broken ends them.

    Args:
        place: whether to keep keywords that are coordinates.
    """
    if data[:1] != b"\x1c" and data[3:4] == b"\x1c":  # a TIFF's numbers of four bytes, turned by some writers
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    parts, at = [], 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        record, number, length = struct.unpack_from(">BBH", data, at + 1)
        start = at + 5
        if length > 0x7FFF:  # the length of a length (1.6)
            start, length = start + length - 0x8000, int.from_bytes(data[start : start + length - 0x8000], "big")
        end = start + length
        if end > len(data):
            break
        is_place = (record, number) == _KEYWORD and is_coordinate(data[start:end].decode("latin-1"))
        if record in _RECORDS and (record, number) not in _LEFT_OUT and (place or not is_place):
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def as_photoshop(data: bytes) -> bytes:
    """IPTC data as one of Photoshop's image resources."""
    return b"8BIM" + struct.pack(">HHL", _IPTC_RESOURCE, 0, len(data)) + data + bytes(len(data) % 2)
