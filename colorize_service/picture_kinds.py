"""The formats that are read, by the names that people know them by, and those that results are written in.

The service's sentences and the command line's choice of files follow from this table. Nothing is imported for it, so
that the command line need not wait.
"""

#: Each format that is read, and what its files are called. ``imaging.photo`` has the function that reads it.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "HEIC": (".heic", ".heif", ".hif"),
    "AVIF": (".avif", ".avifs"),
    "JPEG 2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
}
KINDS = tuple(SUFFIXES)
LISTED = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
SEND = f"Send {LISTED}."
#: The media types by which clients may call them.
MEDIA_TYPES = (
    *("image/jpeg", "image/png", "image/webp", "image/tiff", "image/heic", "image/heif", "image/avif"),
    *("image/jp2", "image/bmp", "image/gif"),
    *(f"image/x-portable-{content}map" for content in ("any", "pix", "gray", "bit")),
)

#: Each format that results are written in, and what their files are called; the first is what they get.
RESULTS = {"jpeg": (".jpg", ".jpeg"), "png": (".png",), "tiff": (".tif", ".tiff"), "webp": (".webp",)}
#: Those of them that hold 16 bits.
DEEP_RESULTS = ("png", "tiff")
