"""What a model is, which kinds there are, and how one is loaded.

A new kind is a module with a class that follows the protocol :class:`Model`, and a line in :data:`KINDS`.
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
from colorize_service.process import trim_heap

#: The class that runs each kind of bundle, as "module:class"; it is imported when such a bundle is loaded.
KINDS = {
    "lite": "colorize_service.inference.lite:Lite",
    "colorizenet": "colorize_service.inference.colorizenet.controlnet:ColorizeNet",
}


#: Photos that a diffusion model works on together on a GPU, unless the operator says otherwise.
GPU_BATCH = 4


@dataclass(frozen=True)
class Setup:
    """How a model is to run: the operator's settings of the same names. None: the model's or the preset's own value.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: threads that one run may use on the CPU.
        preset: of a diffusion model, see ``inference.colorizenet.presets``.
        guidance_interval: of a diffusion model: the shares of the sampling, 0 to 1, between which it is guided.
        max_batch: photos of a batch at most.
    """

    device: str = "auto"
    threads: int = 1
    preset: str = "reference"
    guidance_interval: tuple[float, float] | None = None
    max_batch: int | None = None


@dataclass(frozen=True)
class Distribution:
    """How likely each place of a picture has which colour.

    Attributes:
        bins: a* and b* of the colours, float32 (q, 2).
        chances: of each colour at each place, float32 (q, h', w'); over the colours they sum to 1.
        chroma: what the model makes of it, uint8 (h', w', 2), Cb and Cr, 128 neutral.
    """

    bins: NDArray[np.float32]
    chances: NDArray[np.float32]
    chroma: NDArray[np.uint8]


class Model(Protocol):
    """A loaded model: small gray pictures in, their chroma out. Its methods may be called from any thread.

    Attributes:
        title: the name of this kind of model, for people.
        takes: the names of the options that it takes, beside those that every model takes; ``hints``, if it
            spreads those that reach what is similar.
        side_by_side: whether runs on a CPU may overlap, each with a share of the cores; else one run uses all cores.
        device: ``cpu`` or ``cuda``: where it runs.
        defaults: the values of those options that a request leaves out.
        turns: how many photos must be in work at a time to keep the device busy.
        suggests: whether it can tell how likely which colours are.
    """

    title: ClassVar[str]
    takes: ClassVar[tuple[str, ...]]
    side_by_side: ClassVar[bool]
    device: str
    defaults: Options
    suggests: bool

    def __init__(self, bundle: Bundle, setup: Setup):
        """Load the model from a verified bundle.

        Raises:
            BundleError: if its manifest or a file is not what this kind needs.
            DeviceUnavailable: if CUDA was demanded and does not work.
        """

    @property
    def turns(self) -> int: ...

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels at which it sees a photo of ``width`` × ``height``."""

    def warm_up(self) -> None:
        """Run once, so that the first photo does not have to wait for one-time work."""

    def chroma(self, luma: NDArray[np.uint8], options: Options = Options(), turn: Turn = ANY_TIME) -> NDArray[np.uint8]:
        """Chroma of a gray picture.

        Args:
            luma: uint8 (h, w), at a processing size.
            options: those that the model does not take are ignored.
            turn: how long to wait for the device.

        Returns:
            uint8 (h', w', 2): Cb and Cr, 128 neutral, of the whole picture; h' and w' are up to the model.

        Raises:
            Busy: if the device is not free before the turn ends, or has no room for the picture.
            Abandoned: if the client is gone.
        """

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        """:meth:`chroma` of several pictures of one size, processed together as far as the device allows."""

    def distribution(self, luma: NDArray[np.uint8], turn: Turn = ANY_TIME) -> Distribution:
        """How likely which colours are, all over a gray picture.

        Args:
            luma: uint8 (h, w), at a processing size.
            turn: how long to wait for the device.

        Raises:
            NothingSuggested: if it is a model that cannot tell.
            Busy, Abandoned: as :meth:`chroma`.
        """


class Takes(Protocol):
    """What knows which options a model takes, and whether it suggests colours: the model itself, or a description."""

    @property
    def title(self) -> str: ...

    @property
    def takes(self) -> tuple[str, ...]: ...

    @property
    def suggests(self) -> bool: ...


class OptionNotTaken(Exception):
    """A request sets an option that the model does not take.

    Attributes:
        option: its name.
        model: the model's title.
    """

    def __init__(self, option: str, model: Takes):
        takers = " and ".join(kind.title for kind in map(model_class, KINDS) if option in kind.takes)
        what = "The reach similar of a hint" if option == "hints" else f"The field {option}"
        super().__init__(f"{what} is for {takers}; the model loaded here is {model.title}.")
        self.option, self.model = option, model.title


def check_taken(model: Takes, options: Iterable[str]) -> None:
    """Check that the model takes all these options, given by name.

    Raises:
        OptionNotTaken: for the first that it does not take.
    """
    for name in options:
        if name not in model.takes:
            raise OptionNotTaken(name, model)


class NothingSuggested(Exception):
    """Likely colours are asked of a model that does not tell them."""

    def __init__(self, model: Takes):
        super().__init__(f"The model loaded here, {model.title}, does not tell which colours are likely.")


def check_suggests(model: Takes) -> None:
    """Check that the model tells which colours are likely.

    Raises:
        NothingSuggested
    """
    if not model.suggests:
        raise NothingSuggested(model)


def model_class(kind: str) -> type[Model]:
    """The class that runs bundles of this kind, one of :data:`KINDS`."""
    found: type[Model] = pkgutil.resolve_name(KINDS[kind])
    return found


def load_model(bundle: Bundle, setup: Setup, warm: bool = True) -> Model:
    """Verify a bundle, load its model and, if ``warm``, run it once.

    Raises:
        BundleError: if the bundle is wrong or incomplete, or its kind is unknown.
        DeviceUnavailable: if CUDA was demanded and does not work.
    """
    kind = bundle.manifest.kind
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise BundleError(f"{bundle.folder} is a bundle of kind {kind!r}; this version runs {known}.")
    bundle.verify()
    model = model_class(kind)(bundle, setup)
    if warm:
        model.warm_up()
        trim_heap()  # a file that was read, and a graph before it was optimized, took as much as the model
    return model


def load_folder(folder: Path, setup: Setup, warm: bool = True) -> Model:
    """:func:`load_model` of the bundle in ``folder``; raises BundleError too if its manifest cannot be read."""
    return load_model(Bundle(folder), setup, warm)
