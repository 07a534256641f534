"""Photos out of tar files, kept in memory as they are compressed, and random crops of them."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# What the names of tar files begin with.
TRAINED_ON = ("train", "diverse")
SPLITS = ("val", "val-diverse")
PARTS = ("all", "choose", "report")


@dataclass(frozen=True)
class Photo:
    """One colour photo: its name, the source that its name begins with, and its file's bytes, of a JPEG or the like."""

    name: str
    source: str
    data: bytes

    @property
    def rgb(self):
        """sRGB pixels, uint8 (H, W, 3), decoded anew at each use: half a millisecond, for a tenth of the memory."""
        with Image.open(io.BytesIO(self.data)) as image:
            return np.asarray(image.convert("RGB"))


def read_photos(tars, exclude=()):
    """Yield every photo of the given tar files, in their order, but those of the sources in ``exclude``."""
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                if not member.isfile():
                    continue
                name = Path(member.name).name
                source = name.split("-")[0]
                if source not in exclude:
                    yield Photo(name, source, tar.extractfile(member).read())


def training_tars(folder):
    """The tar files to train on, sorted; raises FileNotFoundError when there are none."""
    tars = sorted(path for kind in TRAINED_ON for path in Path(folder).glob(f"{kind}-*.tar"))
    if not tars:
        raise FileNotFoundError(f"no {' or '.join(f'{kind}-*.tar' for kind in TRAINED_ON)} in {folder}")
    return tars


def validation_photos(folder, split="val", part="all"):
    """Photos that are never trained on: list of Photo.

    split: one of SPLITS. part: ``choose``, every third, by which settings may be chosen; ``report``, the rest, whose
    figures nobody has looked at while choosing; or ``all``.
    """
    photos = list(read_photos([Path(folder) / f"{split}.tar"]))
    if part == "all":
        return photos
    return [photo for i, photo in enumerate(photos) if (i % 3 == 0) == (part == "choose")]


class CropSampler:
    """Random crops of photos, with no source drowning the others.

    A source with n photos is drawn with a weight of sqrt(n): by count alone two sources would make half of every
    batch, and evenly the smallest would be seen ten times as often as the largest.
    """

    def __init__(self, photos, seed):
        """photos: sequence of Photo. seed: of the order and of the crops."""
        self.rng = np.random.default_rng(seed)
        self._by_source = {}
        for photo in photos:
            self._by_source.setdefault(photo.source, []).append(photo)
        if not self._by_source:
            raise ValueError("no photos to train on")
        self.sources = sorted(self._by_source)
        weights = np.sqrt([len(self._by_source[source]) for source in self.sources])
        self._chances = weights / weights.sum()

    def crop(self, height, width):
        """Return a crop, resized to uint8 (height, width, 3): 55 to 100 % of a photo, mirrored half of the time."""
        rng = self.rng
        group = self._by_source[self.sources[rng.choice(len(self.sources), p=self._chances)]]
        rgb = group[rng.integers(len(group))].rgb
        full_height, full_width = rgb.shape[:2]
        aspect = width / height * np.exp(rng.uniform(-0.15, 0.15))
        largest = min(full_height, full_width / aspect)
        crop_height = largest * rng.uniform(0.55, 1.0)
        crop_width = crop_height * aspect
        top, left = rng.uniform(0, full_height - crop_height), rng.uniform(0, full_width - crop_width)
        box = (left, top, min(left + crop_width, full_width), min(top + crop_height, full_height))
        crop = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, box=box))
        return crop[:, ::-1] if rng.random() < 0.5 else crop
