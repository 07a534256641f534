"""Metadata in a JPEG that was written without (JFIF 1.02; EXIF; XMP part 3)."""

import struct

from colorize_service.imaging.metadata import Metadata, exif, iptc

_MOST = 65_533  # bytes of a segment behind its length
_EXIF, _XMP, _PHOTOSHOP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"


def with_metadata(jpeg: bytes, metadata: Metadata) -> bytes:
    """``jpeg``, which begins with a JFIF segment, with the metadata behind that.

    What does not fit into a segment of its own is left out: the longest tags, the photo's XMP, its IPTC data.
    """
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    head = jpeg[:end]
    if metadata.density:
        across, down = (min(0xFFFF, round(each)) for each in metadata.density)
        head = head[:13] + struct.pack(">BHH", 1, across, down) + head[18:]
    packet = next(packet for packet in metadata.xmp if len(_XMP + packet) <= _MOST)
    resources = _PHOTOSHOP + iptc.as_photoshop(metadata.iptc) if metadata.iptc else b""
    segments = [
        (0xE1, _EXIF + exif.written(metadata.exif, most=_MOST - len(_EXIF))),
        (0xE1, _XMP + packet),
        (0xED, resources),
        (0xFE, metadata.comment),
    ]
    return b"".join([head, *(_segment(*each) for each in segments if 0 < len(each[1]) <= _MOST), jpeg[end:]])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body
