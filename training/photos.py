"""Photos out of tar files, kept in memory as they are compressed, and random crops of them."""

import io
import tarfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# What the names of tar files begin with.
TRAINED_ON = ("train", "diverse")
SPLITS = ("val", "val-diverse")
PARTS = ("all", "choose", "report")

# Share of the crops that come close: a hand, a sleeve, a wheel, without the rest that says what they belong to.
CLOSE = 0.08


@dataclass(frozen=True)
class Photo:
    """One colour photo: its name, the source that its name begins with, and its file's bytes, of a JPEG or the like."""

    name: str
    source: str
    data: bytes

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """sRGB pixels, uint8 (H, W, 3), decoded anew at each use: half a millisecond, for a tenth of the memory."""
        with Image.open(io.BytesIO(self.data)) as image:
            return np.asarray(image.convert("RGB"))


def read_photos(tars: Iterable[Path], exclude: Collection[str] = ()) -> Iterator[Photo]:
    """Yield every photo of the given tar files, in their order, but those of the sources in ``exclude``."""
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                name = Path(member.name).name
                source = name.split("-")[0]
                # None is what is no file.
                if source not in exclude and (file := tar.extractfile(member)):
                    yield Photo(name, source, file.read())


def training_tars(folder: Path) -> list[Path]:
    """The tar files to train on, sorted.

    Raises:
        FileNotFoundError: if there are none.
    """
    tars = sorted(path for kind in TRAINED_ON for path in Path(folder).glob(f"{kind}-*.tar"))
    if not tars:
        raise FileNotFoundError(f"no {' or '.join(f'{kind}-*.tar' for kind in TRAINED_ON)} in {folder}")
    return tars


def validation_photos(folder: Path, split: str = "val", part: str = "all") -> list[Photo]:
    """Photos that are never trained on.

    Args:
        split: one of SPLITS.
        part: ``choose``, every third, by which settings may be chosen; ``report``, the rest, whose figures nobody has
            looked at while choosing; or ``all``.
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

    def __init__(self, photos: Iterable[Photo], seed: int | Sequence[int]):
        """
        Args:
            seed: of the order and of the crops.

        Raises:
            ValueError: if there are no photos.
        """
        self.rng = np.random.default_rng(seed)
        self._by_source: dict[str, list[Photo]] = {}
        for photo in photos:
            self._by_source.setdefault(photo.source, []).append(photo)
        if not self._by_source:
            raise ValueError("no photos to train on")
        self.sources = sorted(self._by_source)
        weights = np.sqrt([len(self._by_source[source]) for source in self.sources])
        self._chances = weights / weights.sum()

    def crop(self, height: int, width: int) -> NDArray[np.uint8]:
        """A random crop, resized to uint8 (height, width, 3), mirrored half of the time.

        It is 55 to 100 % as high as the largest that fits, or, a share of CLOSE of them, 30 to 55 %.
        """
        rng = self.rng
        group = self._by_source[self.sources[rng.choice(len(self.sources), p=self._chances)]]
        rgb = group[rng.integers(len(group))].rgb
        full_height, full_width = rgb.shape[:2]
        aspect = width / height * np.exp(rng.uniform(-0.15, 0.15))
        largest = min(full_height, full_width / aspect)
        crop_height = largest * (rng.uniform(0.3, 0.55) if rng.random() < CLOSE else rng.uniform(0.55, 1.0))
        crop_width = crop_height * aspect
        top, left = rng.uniform(0, full_height - crop_height), rng.uniform(0, full_width - crop_width)
        box = (left, top, min(left + crop_width, full_width), min(top + crop_height, full_height))
        crop = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, box=box))
        return crop[:, ::-1] if rng.random() < 0.5 else crop
