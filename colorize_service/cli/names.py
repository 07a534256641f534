"""What results are called."""

import re
from pathlib import Path

#: How the name of a result ends, before the suffix of its format.
ENDING = "-color"
LAYER = "-color-layer"

# Of results in any format, and as the page called them once.
_EARLIER = re.compile(r"(.+)-colou?r(-layer)?\.(jpe?g|png|tiff?|webp)", re.IGNORECASE)


def result(source: Path, folder: Path, ending: str) -> Path:
    """The result of a photo: ``x.tif`` becomes ``x-color.jpg``."""
    return folder / f"{source.stem}{ending}"


def whole(source: Path, folder: Path, ending: str) -> Path:
    """The result of a photo that shares its name with another: ``x.tif`` becomes ``x.tif-color.jpg``."""
    return folder / f"{source.name}{ending}"


def coloured(name: str) -> str | None:
    """What the photo was called of which ``name`` is a result, with or without its suffix; None if it is no result."""
    found = _EARLIER.fullmatch(name)
    return found[1] if found else None
