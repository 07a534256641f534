"""What results are called."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

#: How the name of a result ends, before the suffix of its format.
ENDING = "-color"
LAYER = "-color-layer"

# Of results in any format, and as the page called them once.
_EARLIER = re.compile(r"(.+)-colou?r(-layer)?\.(jpe?g|png|tiff?|webp)", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """What the result of a photo is called, and in which folder: ``x.tif`` becomes ``x-color.jpg``.

    Attributes:
        source: the photo.
        ending: of the name, such as ``-color.jpg``.
        output: the folder for all results; None: beside each photo.
        base: the folder whose tree is kept below ``output``.
        folders: so many last names of ``base`` are folders below ``output``, before that tree.
        whole: whether the photo's whole name is kept: ``x.tif`` becomes ``x.tif-color.jpg``.
    """

    source: Path
    ending: str
    output: Path | None
    base: Path
    folders: int = 0
    whole: bool = False

    @property
    def path(self) -> Path:
        """The file of the result."""
        folder = self.source.parent
        if self.output is not None:
            folder = self.output.joinpath(*self._above(self.folders), folder.relative_to(self.base))
        return folder / f"{self.source.name if self.whole else self.source.stem}{self.ending}"

    def in_folder(self) -> "Name | None":
        """The name with one more folder above it; None if there is none."""
        more = self.folders + 1
        return replace(self, folders=more) if self.output is not None and self._above(more) else None

    def of_earlier_runs(self) -> Iterator["Name"]:
        """The fuller names that the photo's result may have from a run with other photos, the fullest first."""
        folder = self._above(1)
        # In a tree with a folder of its own name the result of another photo may be called so.
        if self.output is not None and not self.folders and folder and not self.base.joinpath(*folder).exists():
            yield replace(self, folders=1, whole=True)
            if not self.whole:  # else that may be the other's of the name
                yield replace(self, folders=1)
        yield replace(self, whole=True)

    def _above(self, count: int) -> tuple[str, ...]:
        """The last ``count`` names of ``base``; none if it has fewer."""
        parts = Path(os.path.abspath(self.base)).parts[1:]
        return parts[len(parts) - count :] if count <= len(parts) else ()


def coloured(name: str) -> str | None:
    """What the photo was called of which ``name`` is a result, with or without its suffix; None if it is no result."""
    found = _EARLIER.fullmatch(name)
    return found[1] if found else None
