"""AV1 (its bitstream specification of 2019), as far as it tells how large a picture is."""

from collections.abc import Iterator

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.hevc import Bits

#: Units of an item: a still picture has three or four, in tile groups some more.
MAX_UNITS = 4_096
#: Pixels that a coded picture may be larger than the shown one on each side.
_MARGIN = 64

_SEQUENCE, _HEADER_BYTES = 1, 128


def check_units(data: bytes, size: tuple[int, int]) -> None:
    """Refuse units that announce a picture larger than `size` (width, height): the decoder has memory for all of it.

    Raises:
        ImageError: of them, and of too many.
    """
    for number, (kind, body) in enumerate(_units(data)):
        if number >= MAX_UNITS:
            raise ImageError("The AVIF is damaged: its pixels are made of too many pieces.")
        if kind == _SEQUENCE:
            width, height = sequence_size(body)
            if width > size[0] + _MARGIN or height > size[1] + _MARGIN:
                raise ImageError("The AVIF is damaged: it says two different sizes.")


def _units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and first bytes of each unit (5.3); what does not add up is left for the decoder to refuse."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        length, shift = len(data) - at, 0
        if head & 2:  # its length follows, seven bits a byte
            length = 0
            for _ in range(8):
                if at >= len(data):
                    return
                length |= (data[at] & 0x7F) << shift
                shift, at = shift + 7, at + 1
                if not data[at - 1] & 0x80:
                    break
        yield head >> 3 & 15, data[at : at + min(length, _HEADER_BYTES)]
        at += length


def sequence_size(header: bytes) -> tuple[int, int]:
    """Width and height of the largest picture, from a sequence header (5.5.1)."""
    bits = Bits(header, "AVIF")
    bits.take(4)  # profile, and whether it is a still picture
    if bits.take(1):  # a header reduced for still pictures
        bits.take(5)
    else:
        delay = 0
        decoder_model = False
        if bits.take(1):  # timing
            bits.take(64)
            if bits.take(1):
                _variable(bits)
            decoder_model = bool(bits.take(1))
            if decoder_model:
                delay = bits.take(5) + 1
                bits.take(42)
        display_delay = bits.take(1)
        for _ in range(bits.take(5) + 1):  # operating points
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if decoder_model and bits.take(1):
                bits.take(2 * delay + 1)
            if display_delay and bits.take(1):
                bits.take(4)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _variable(bits: Bits) -> None:
    """Step over a number of variable length (4.10.3)."""
    zeros = 0
    while zeros < 32 and not bits.take(1):
        zeros += 1
    if zeros < 32:
        bits.take(zeros)
