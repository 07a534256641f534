"""A few small photos to train on, and how the tests train."""

import contextlib
import io
import signal
import tarfile

import numpy as np
import torch
from PIL import Image
from skimage import data

from training import train

QUICK = ("--batch", "1", "--threads", "1", "--float32")


def jpeg(image):
    """The image as the bytes of a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def tar_of(path, pictures):
    """Write a tar of JPEGs: (name, PIL image)."""
    with tarfile.open(path, "w") as tar:
        for name, image in pictures:
            content = jpeg(image)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def blotches(seed, count=4):
    """Pictures of large soft blotches of any colour, of two sources by turns."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        rgb = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((96, 72))
        yield f"{('sea', 'wood')[i % 2]}-{i}.jpg", rgb


def real_photos():
    """Photos of a woman, of a cup and of a cat, 160 pixels high."""
    for name in ("astronaut", "coffee", "chelsea"):
        image = Image.fromarray(getattr(data, name)())
        yield f"{name}-0.jpg", image.resize((image.width * 160 // image.height, 160), Image.Resampling.LANCZOS)


@contextlib.contextmanager
def undisturbed():
    """Training takes SIGTERM and the threads for itself; here the process gets them back."""
    before, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        torch.set_num_threads(threads)


def train_on(photos, out, *arguments):
    """``python -m training.train`` in this process, as quick as it goes."""
    with undisturbed():
        train.main(["--photos", str(photos), "--out", str(out), *QUICK, *arguments])
