"""Coordinates in metadata: by which names, and by which words, a place is told."""

import re

_NAMES = re.compile(
    r"(?!ISOSpeed).*(gps|latitude|longt?itude|altitude|coordinate|geohash|geotag|geopoint|wkt).*|lat|long?",
    re.IGNORECASE,
)
# Namespaces of coordinates, and of the mast that a telephone was near.
_NAMESPACES = re.compile(r".*(wgs84_pos|georss|opengis\.net/gml|sonyericsson\.com/cell).*")
# Keywords that Flickr and others know as "machine tags", such as geo:lat=48.13.
_WORD = re.compile(r"\s*geo:(lat|long?|alt)\s*=.*", re.IGNORECASE | re.DOTALL)
_BETWEEN = re.compile(r"([,;])")


def is_place(name: str, uri: str = "") -> bool:
    """Whether a property of this name, in this namespace, says the coordinates of a place."""
    return bool(_NAMES.fullmatch(name) or _NAMESPACES.fullmatch(uri))


def is_coordinate(word: str) -> bool:
    """Whether a keyword is one."""
    return bool(_WORD.fullmatch(word))


def without_coordinates(text: str) -> str:
    """A list of keywords, with commas or semicolons between them, without those that are coordinates."""
    words = _BETWEEN.split(text)  # and what stands between them
    if not any(map(is_coordinate, words)):
        return text
    kept = [words[at : at + 2] for at in range(0, len(words), 2) if not is_coordinate(words[at])]
    return "".join(part for pair in kept for part in pair).rstrip(",;")
