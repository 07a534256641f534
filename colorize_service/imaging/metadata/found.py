"""A photo's metadata as they are in its file."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from colorize_service.imaging.metadata.exif import Exif


@dataclass
class Found:
    """A photo's metadata as they are in its file.

    Attributes:
        xmp, iptc: an XMP packet and IPTC-IIM data; empty if there are none.
        more_xmp: a second packet, of what had no room in the first.
        density: pixels per inch to the right and downwards, where the format itself has a place for it.
        texts: of a PNG, by keyword.
        comment: of a JPEG.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    more_xmp: bytes = b""
    iptc: bytes = b""
    density: tuple[float, float] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    comment: bytes = b""

    def put(self, what: str, value: bytes | Exif) -> None:
        """Set a part that is not there yet: of two in a file the first is the one that others read."""
        if not getattr(self, what):
            setattr(self, what, value)

    def shorten(self, most: int) -> None:
        """Leave out the longest parts until all together have at most so many bytes."""
        parts = sorted(self._parts(), key=lambda part: -part[0])
        excess = sum(length for length, _ in parts) - most
        for length, leave_out in parts:
            if excess <= 0:
                break
            leave_out()
            excess -= length

    def _parts(self) -> Iterator[tuple[int, Callable[[], object]]]:
        """The length of each part, and what leaves it out."""
        for name in ("xmp", "more_xmp", "iptc", "comment"):
            yield len(getattr(self, name)), functools.partial(setattr, self, name, b"")
        for key, text in self.texts.items():
            yield len(key) + len(text), functools.partial(self.texts.pop, key)
        for directory in (self.exif.main, self.exif.details, self.exif.gps):
            for tag, entry in directory.items():
                yield len(entry.value), functools.partial(directory.pop, tag)
