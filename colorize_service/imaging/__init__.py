"""From a client's bytes to a picture, and from a picture and its colours to a file's bytes.

No other package uses Pillow. This one knows nothing of HTTP, models or files on the disk::

    photo = open_photo(data, max_pixels=40_000_000)   # headers only
    luma = photo.luma()                               # the plane that the result keeps
    small = shrink(luma, (512, 512))                  # for the model
    result = add_chroma(luma, chroma, quality=90)     # JPEG bytes

Whatever is wrong with the bytes is an `ImageError`, whose text is a sentence for the person who sent them.
"""

from colorize_service.imaging.chroma import adjust, shrink
from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.jpeg import add_chroma
from colorize_service.imaging.levels import luma_in_8_bits
from colorize_service.imaging.photo import Photo, open_photo

__all__ = ["ImageError", "Photo", "add_chroma", "adjust", "luma_in_8_bits", "open_photo", "shrink"]
