"""Loading the model for the command line."""

from collections.abc import Iterable
from pathlib import Path

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Bundle
from colorize_service.inference.model import KINDS, Model, Setup, check_taken, load_model, model_class
from colorize_service.process import available_cpus


def load(folder: Path | None, device: str, jobs: int, options: Iterable[str]) -> tuple[Model, str]:
    """The model, and its name and version. It is not warmed up: its first photo does that.

    Args:
        folder: of the model bundle; None: the embedded model.
        device: ``auto``, ``cpu`` or ``cuda``.
        jobs: photos in work at a time.
        options: the names of the options that will be set, beside those that every model takes.

    Raises:
        BundleError, DeviceUnavailable: as :func:`load_model`.
        OptionNotTaken: if the model does not take one of the options.
    """
    bundle = Bundle(folder or EMBEDDED_BUNDLE)
    kind = bundle.manifest.kind
    side_by_side = kind in KINDS and model_class(kind).side_by_side
    threads = max(1, available_cpus() // jobs) if side_by_side else available_cpus()
    model = load_model(bundle, Setup(device=device, threads=threads), warm=False)
    check_taken(model, options)
    return model, f"{bundle.manifest.name} {bundle.manifest.version}"
