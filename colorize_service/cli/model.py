"""The model that the command line runs, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.cpus import available_cpus
from colorize_service.inference import KINDS, Hint, Options, Setup, load_model, model_class
from colorize_service.inference.bundle import Bundle

if TYPE_CHECKING:
    from colorize_service.inference.colorizenet import ColorizeNet
    from colorize_service.inference.lite import Lite


class OptionNotTaken(Exception):
    """The model cannot be told that; the message is a sentence for the user."""


def load(bundle: Path | None, device: str, jobs: int, options: dict[str, object]) -> tuple[Lite | ColorizeNet, Options]:
    """Load the model; its first photo warms it up.

    Args:
        bundle: folder of the model bundle; None: the embedded model.
        device: ``auto``, ``cpu`` or ``cuda``.
        jobs: photos in work at a time.
        options: what to tell the model, by the names of the service's form fields. Hints are (x, y, rgb).

    Raises:
        BundleError, DeviceUnavailable: as :func:`load_model`.
        OptionNotTaken: if the model does not know one of the options.
    """
    folder = bundle or EMBEDDED_BUNDLE
    kind = Bundle(folder).manifest.kind
    side_by_side = kind in KINDS and model_class(kind).side_by_side
    threads = max(1, available_cpus() // jobs) if side_by_side else available_cpus()
    model, manifest = load_model(folder, Setup(device=device, threads=threads), warm=False)
    for name in options.keys() - set(model.fields):
        raise OptionNotTaken(f"The model {manifest.name} takes no {name.replace('_', ' ')}; --bundle names another.")
    hints = tuple(Hint(*hint) for hint in options.pop("hints", ()))
    return model, Options(**options, hints=hints or None)
