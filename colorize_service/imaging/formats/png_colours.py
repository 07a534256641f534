"""What a PNG says of its colours (third edition, 4.3)."""

import struct
import zlib

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.profiles import (
    HDR_TRANSFERS,
    PRIMARIES,
    SRGB,
    TRANSFERS,
    Chromaticities,
    make_profile,
)

#: A longer profile is left aside, since it takes a thousandth of that in the file. The long ones are those of inks, and
#: PNG has no inks.
MAX_PROFILE = 4_000_000
#: How far a gamma may be from that of sRGB and still be called the same (libpng's PNG_GAMMA_THRESHOLD).
SAME_GAMMA = 0.05
#: The gammas that somebody may mean.
GAMMAS = 0.15, 3.0

_MOST_PRIMARIES = 22  # the last number of ITU-T H.273, table 2


def profile_of(bodies: dict[bytes, bytes], packed: memoryview) -> bytes | None:
    """The colours, from the first of the chunks that says them, in the order of the standard (4.3).

    Raises:
        ImageError: they are those of a kind that is not supported.
    """
    cicp = bodies.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[3] <= 1:
        primaries, transfer, matrix, is_full = cicp
        if transfer in HDR_TRANSFERS and primaries <= _MOST_PRIMARIES:
            raise ImageError(
                f"Sorry, HDR pictures ({HDR_TRANSFERS[transfer]}) are not supported. Save it with the usual range."
            )
        if matrix == 0 and primaries in PRIMARIES and transfer in TRANSFERS:
            if not is_full:
                raise ImageError("Sorry, a PNG of video's narrow range is not supported. Save it with the full one.")
            return make_profile(TRANSFERS[transfer], PRIMARIES[primaries])
    if icc := _unpacked(packed):
        return icc
    if b"sRGB" in bodies or len(bodies.get(b"gAMA", b"")) != 4:
        return None
    gamma = int.from_bytes(bodies[b"gAMA"], "big") / 100_000
    chrm = bodies.get(b"cHRM", b"")
    primaries_: Chromaticities = tuple(v / 100_000 for v in struct.unpack(">8I", chrm)) if len(chrm) == 32 else SRGB
    if not GAMMAS[0] <= gamma <= GAMMAS[1]:
        return None
    same = abs(gamma * 2.2 - 1) <= SAME_GAMMA
    if same and max(abs(a - b) for a, b in zip(primaries_, SRGB, strict=True)) < 0.005:
        return None
    return make_profile(None if same else 1 / gamma, primaries_)


def _unpacked(body: memoryview) -> bytes | None:
    """The ICC profile in an iCCP chunk; None where there is none, or it is broken or longer than any is."""
    _, _, packed = bytes(body[: MAX_PROFILE + 1_000]).partition(b"\0")
    try:
        unpacker = zlib.decompressobj()
        icc = unpacker.decompress(memoryview(packed)[1:], MAX_PROFILE)
        return icc if unpacker.eof else None
    except zlib.error:
        return None
