"""Pictures whose metadata would cost more than their pixels: small ones with all that a format has room for."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.pictures.files import Bytes

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Bomb:
    """A file and the picture that it is without its burden.

    Attributes:
        kind: the format.
        name: what the burden is.
        make: the file.
        plain: the same picture without it.
        refused: whether a sentence may be the answer. Else it must be read as the plain one.
    """

    kind: str
    name: str
    make: Bytes
    plain: Bytes
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def bombs(kind: str, plain: Bytes, makers: dict[str, Callable[[bytes], bytes]], refused: bool = False) -> list[Bomb]:
    """Bombs that are made of a plain file by something that is put into it."""
    return [Bomb(kind, name, lambda put=put: put(plain()), plain, refused) for name, put in makers.items()]


def wide_exif(*entries: bytes, count: int = 0, loose: bytes = b"", order: str = "<") -> bytes:
    """An EXIF block of entries of 12 bytes, the last one repeated up to ``count``."""
    entries = (*entries, *[entries[-1]] * (count - len(entries)))
    start = (b"II*\0" if order == "<" else b"MM\0*") + (8).to_bytes(4, "little" if order == "<" else "big")
    number = len(entries).to_bytes(2, "little" if order == "<" else "big")
    return start + number + b"".join(entries) + bytes(4) + loose


def all_bombs() -> list[Bomb]:
    from tests.support.bombs import blocks, boxes, segments, tables, texts

    return [*segments.BOMBS, *texts.BOMBS, *blocks.BOMBS, *tables.BOMBS, *boxes.BOMBS]
