"""What a model is, which kinds there are, and how one is loaded.

A new kind is a module with a class that has what :class:`Model` says, and a line in :data:`KINDS`.
"""

import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from colorize_service.bundle import Bundle, BundleError
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.options import Options

#: A kind of bundle, and the class that runs it, imported when there is such a bundle.
KINDS = {
    "lite": "colorize_service.inference.lite:Lite",
    "colorizenet": "colorize_service.inference.colorizenet.controlnet:ColorizeNet",
}


@dataclass(frozen=True)
class Setup:
    """How the operator lets a model run; the settings of the same names. None: as the model or its preset has it."""

    device: str = "auto"
    threads: int = 1
    preset: str = "reference"
    guidance_interval: tuple[float, float] | None = None
    max_batch: int | None = None


class Model(Protocol):
    """A loaded model: small gray pictures in, their chroma out. Its methods may be called from any thread.

    Attributes:
        title: what this kind of model is called.
        takes: the names of those fields of ``Options`` that it takes, beside those that hold for every model.
        side_by_side: whether several runs on a CPU may overlap, so that each needs but a share of the cores.
        device: ``cpu`` or ``cuda``, where it truly runs.
        defaults: what it takes where a request says nothing.
        turns: photos in work at a time that keep the device busy.
    """

    title: ClassVar[str]
    takes: ClassVar[tuple[str, ...]]
    side_by_side: ClassVar[bool]
    device: str
    defaults: Options

    def __init__(self, bundle: Bundle, setup: Setup):
        """Load the bundle.

        Raises:
            BundleError: if its manifest or a graph is not what this kind needs.
            DeviceUnavailable: if CUDA was demanded and does not work.
        """

    @property
    def turns(self) -> int: ...

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels at which it sees a photo of ``width`` × ``height``."""

    def warm_up(self) -> None:
        """Run once, so that the first photo does not pay for what is done once."""

    def chroma(self, luma: NDArray[np.uint8], options: Options = Options(), turn: Turn = ANY_TIME) -> NDArray[np.uint8]:
        """Chroma of a gray picture.

        Args:
            luma: uint8 (h, w), at a processing size.
            options: as far as it ``takes`` them.

        Returns:
            uint8 (h', w', 2): Cb and Cr, 128 neutral; it covers the whole picture.

        Raises:
            Busy: if the device is not free before the turn ends, or has no room for the picture.
            Abandoned: if whoever waits is gone.
        """

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        """:meth:`chroma` of several pictures of one size, worked on together as far as the device allows."""


class OptionNotTaken(Exception):
    """Something is asked of a model that it does not take.

    Attributes:
        option, model: what is asked, and what the model is called.
    """

    def __init__(self, option: str, model: Model):
        takers = " and ".join(kind.title for kind in map(model_class, KINDS) if option in kind.takes)
        super().__init__(f"The field {option} is for {takers}; the model loaded here is {model.title}.")
        self.option, self.model = option, model.title


def check_taken(model: Model, options: Iterable[str]) -> None:
    """Compare the names of options with what the model takes.

    Raises:
        OptionNotTaken: if it does not take one.
    """
    for name in options:
        if name not in model.takes:
            raise OptionNotTaken(name, model)


def model_class(kind: str) -> type[Model]:
    """The class that runs bundles of this kind, one of :data:`KINDS`."""
    found: type[Model] = pkgutil.resolve_name(KINDS[kind])
    return found


def load_model(bundle: Bundle, setup: Setup, warm: bool = True) -> Model:
    """Verify a bundle, load it and, if it is to be ``warm``, run it once.

    Raises:
        BundleError: if the bundle is wrong or incomplete, or of a kind that is not known.
        DeviceUnavailable: if the device is to be ``cuda`` and CUDA does not work.
    """
    kind = bundle.manifest.kind
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise BundleError(f"{bundle.folder} is a bundle of kind {kind!r}; this version runs {known}.")
    bundle.verify()
    model = model_class(kind)(bundle, setup)
    if warm:
        model.warm_up()
    return model


def load_folder(folder: Path, setup: Setup, warm: bool = True) -> Model:
    """:func:`load_model` of the bundle in ``folder``; raises BundleError too if its manifest cannot be read."""
    return load_model(Bundle(folder), setup, warm)
