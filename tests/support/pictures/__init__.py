"""The files that clients send, good and bad, each with what it must give. Made in code; no file is stored.

`PICTURES` is the table. A good picture shows the scene (or its size says otherwise) and names the levels at some
points; a bad one names words of the sentence that its sender gets, with a limit of `MAX_PIXELS`.
"""

from tests.support.pictures.archives import ARCHIVES
from tests.support.pictures.ends import METADATA
from tests.support.pictures.files import MAX_PIXELS, Picture
from tests.support.pictures.jp2s import JP2S
from tests.support.pictures.jpegs import JPEGS, TURNED
from tests.support.pictures.meanings import MEANINGS
from tests.support.pictures.others import NO_PICTURES, OTHERS, PROFILES, SIZES
from tests.support.pictures.pngs import PNGS
from tests.support.pictures.tiffs import TIFFS

__all__ = ["MAX_PIXELS", "PICTURES", "Picture"]

PICTURES = JPEGS + TURNED + PNGS + TIFFS + OTHERS + PROFILES + SIZES + NO_PICTURES + METADATA + MEANINGS + ARCHIVES
PICTURES += JP2S
