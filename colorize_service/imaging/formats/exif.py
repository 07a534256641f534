"""The one thing of a picture's EXIF data that is needed here: which way is up."""

import struct

#: What the data begin with, behind the name that some containers put in front.
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION, _SHORT = 274, 3


def orientation(block: bytes | memoryview) -> int:
    """The orientation that an EXIF block (a small TIFF, with or without ``Exif`` in front) says.

    Returns:
        1 to 8 (EXIF 2.32, 4.6.4); 1 where there is none, or where the block makes no sense.
    """
    if bytes(block[:6]) == b"Exif\0\0":
        block = block[6:]
    order = _ORDERS.get(bytes(block[:4]))
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "L", block, 4)
        (entries,) = struct.unpack_from(order + "H", block, at)
        for i in range(entries):
            tag, form, count, value = struct.unpack_from(order + "HHLH", block, at + 2 + 12 * i)
            if (tag, form, count) == (_ORIENTATION, _SHORT, 1):
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
