"""What Schemathesis does not read in the document.

What a picture is, what hints are, that ``/colorize`` takes a file or an id and not both, and that space around an id
does not count.
"""

import io
import json
from zlib import crc32

import schemathesis
from hypothesis import strategies as st
from PIL import Image


def picture(image_format: str, size: tuple[int, int]) -> bytes:
    """A gray picture's file."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(buffer, image_format)
    return buffer.getvalue()


FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "tiff": "TIFF",
    "bmp": "BMP",
    "gif": "GIF",
    "avif": "AVIF",
    "x-portable-anymap": "PPM",
}
PICTURES = {
    f"image/{kind}": [picture(name, size) for size in ((1, 1), (40, 3), (64, 64))] for kind, name in FORMATS.items()
}
POINTS = [{"x": x, "y": 1 - x / 2, "color": color} for x in (0, 0.3, 1) for color in ("#ff0000", "#1020Ab")]
HINTS = ["", "[]", *(json.dumps(POINTS[:count]) for count in (1, 2, 6))]
for media_type, pictures in PICTURES.items():
    schemathesis.openapi.media_type(media_type, st.sampled_from(pictures))


@schemathesis.hook
def filter_case(context, case) -> bool:
    image_id = case.body.get("image_id") if isinstance(case.body, dict) else None
    return not isinstance(image_id, str) or image_id == image_id.strip()


@schemathesis.hook
def map_case(context, case):
    """Make of a case that is to be a valid one what the service takes."""
    if not isinstance(case.body, dict) or not case.meta.generation.mode.is_positive:
        return case
    for name in {"x", "y"} & case.body.keys():
        if case.body[name] == "":  # what it takes for a number in a form
            case.body[name] = 0.5
    hints = case.body.get("hints")
    if isinstance(hints, str):
        case.body["hints"] = HINTS[crc32(hints.encode(errors="replace")) % len(HINTS)]
    if case.body.get("image_id"):
        case.body.pop("file", None)
    elif not any(case.body.get("file") in pictures for pictures in PICTURES.values()):
        case.body["file"] = PICTURES["image/png"][0]  # it is missing, or, now and then, made of other bytes
    return case
