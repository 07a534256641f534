"""The one thing of a picture's EXIF data that is needed here: which way is up."""

import struct

import numpy as np

#: What the data begin with, behind the name that some containers put in front.
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION, _SHORT = 274, 3
_FIELDS = "tag", "form", "count", "value", "more"
# All entries at once: somebody may write 65,535 of them.
_ENTRIES = {
    order: np.dtype([(name, order + size) for name, size in zip(_FIELDS, ("u2", "u2", "u4", "u2", "u2"), strict=True)])
    for order in _ORDERS.values()
}


def orientation(block: bytes | memoryview) -> int:
    """The orientation that an EXIF block (a small TIFF, with or without ``Exif`` in front) says.

    Returns:
        1 to 8 (EXIF 2.32, 4.6.4); 1 where there is none, or where the block makes no sense.
    """
    view = memoryview(block)
    if bytes(view[:6]) == b"Exif\0\0":
        view = view[6:]
    order = _ORDERS.get(bytes(view[:4]))
    if order is None or len(view) < 8:
        return 1
    (at,) = struct.unpack_from(order + "L", view, 4)
    if at + 2 > len(view):
        return 1
    (entries,) = struct.unpack_from(order + "H", view, at)
    entry = _ENTRIES[order]
    table = np.frombuffer(view, entry, min(entries, (len(view) - at - 2) // entry.itemsize), at + 2)
    found = table["value"][(table["tag"] == _ORIENTATION) & (table["form"] == _SHORT) & (table["count"] == 1)]
    return int(found[0]) if found.size and 1 <= found[0] <= 8 else 1
