"""HEVC (ITU-T H.265), as far as it tells how large a picture is and whether there is a hole in it."""

from collections.abc import Iterator

from colorize_service.imaging.errors import ImageError

_SPS = 33
#: Bits of a sample, what a picture may be larger than its crop: a coding block.
_MARGIN = 64


def units(data: memoryview, length_size: int) -> Iterator[memoryview]:
    """The units of an item, each with its length in front (ISO/IEC 14496-15).

    Raises:
        ImageError: the lengths do not add up.
    """
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if at + length > len(data):
            raise ImageError("The HEIC is damaged: a part of its pixels is missing.")
        yield data[at : at + length]
        at += length


def check_unit(unit: memoryview, size: tuple[int, int]) -> None:
    """Refuse a unit with a hole in it, and one that announces a picture much larger than `size` (width, height)."""
    if len(unit) >= 2 and unit[0] >> 1 & 0x3F == _SPS:
        width, height = sps_size(bytes(unit))
        if width > max(size) + _MARGIN or height > max(size) + _MARGIN:
            raise ImageError("The HEIC is damaged: it says two different sizes.")
    # Three zeros in a row, which an encoder never writes (7.4.2), unless as padding at the end.
    if b"\0\0\0" in bytes(unit).rstrip(b"\0"):
        raise ImageError("The HEIC is damaged: there is a hole in its pixels.")


class Bits:
    """Numbers of any bits, one after the other.

    Args:
        kind: of the file, for the sentences.
    """

    def __init__(self, data: bytes, kind: str):
        self._kind = kind
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ImageError(f"The {self._kind} is damaged: its header is cut off.")
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """A number in Exp-Golomb code (9.2)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ImageError(f"The {self._kind} is damaged and cannot be read.")
        return (1 << zeros) - 1 + self.take(zeros)


def sps_size(unit: bytes) -> tuple[int, int]:
    """Width and height of the coded pictures, from a sequence parameter set (7.3.2.2)."""
    bits = Bits(unit[2:258].replace(b"\0\0\3", b"\0\0"), "HEIC")
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    bits.take(96)  # profile, tier, level
    if layers:
        flags = [(bits.take(1), bits.take(1)) for _ in range(layers)]
        bits.take(2 * (8 - layers))
        for profile, level in flags:
            bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    return bits.golomb(), bits.golomb()
