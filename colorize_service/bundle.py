"""Model bundles: folders with ``manifest.json`` and the files it lists. Only this module reads and writes them."""

import hashlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import msgspec

log = logging.getLogger(__name__)

#: The version of the manifest's layout.
FORMAT = 1

MANIFEST = "manifest.json"

# Bytes from which on verifying a file takes so long that the log tells it.
_LARGE = 100 * 10**6

Section = TypeVar("Section", bound=msgspec.Struct)
Size = Annotated[int, msgspec.Meta(gt=0)]


class BundleError(Exception):
    """The bundle cannot be used; the message says what is wrong with which file."""


class BundleFile(msgspec.Struct):
    """A file of the bundle: its path within the folder, its size in bytes and its sha256 in lower-case hex."""

    path: str
    bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in self.path:
            raise ValueError(f"The path {self.path!r} is not within the bundle")


class Manifest(msgspec.Struct, kw_only=True):
    """``manifest.json``.

    Attributes:
        format: version of this layout.
        kind: chooses the class that runs the model, see ``inference.model.KINDS``.
        name, version: of the model; for people.
        precision: of the stored weights, ``fp32`` or ``fp16``.
        processing: the size in pixels at which the model sees a photo.
        defaults: the options that the model's author recommends.
        diffusion: how a diffusion model was trained.
        files: the bundle's files, by the names that its kind gives them.
        source, licence: where the weights come from, and their terms; for people.

    What ``processing``, ``defaults`` and ``diffusion`` hold depends on the kind; see :meth:`Bundle.section`.
    """

    format: int = FORMAT
    kind: str
    name: str
    version: str
    precision: str = "fp32"
    processing: dict[str, object]
    defaults: dict[str, object] = {}
    diffusion: dict[str, object] = {}
    files: dict[str, BundleFile] = {}
    source: str
    licence: str

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of the bundle in ``folder``.

        Raises:
            BundleError: if there is none, it is malformed, or its layout has another version.
        """
        try:
            text = (folder / MANIFEST).read_bytes()
        except OSError as error:
            raise BundleError(f"{folder / MANIFEST} cannot be read: {error.strerror}.") from error
        try:
            manifest = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise wrong(folder, error) from None
        if manifest.format != FORMAT:
            raise BundleError(
                f"{folder} is a bundle of format {manifest.format}; this version reads format {FORMAT}. "
                "Install the version of the service that the bundle was made for."
            )
        return manifest

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        """Measure the model's files in ``folder``, and write ``manifest.json``, which lists them, beside them.

        Args:
            files: the files' paths within the folder, by name.
        """
        self.files = {name: _measured(folder, path) for name, path in files.items()}
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        manifest = folder / MANIFEST
        manifest.write_bytes(text + b"\n")
        for path in files.values():
            (folder / path).chmod(manifest.stat().st_mode)  # who may read the manifest may read what it lists


class Bundle:
    """A bundle whose manifest has been read; :meth:`verify` checks its files."""

    def __init__(self, folder: Path):
        """Read the manifest; raises BundleError as :meth:`Manifest.read`."""
        self.folder = folder
        self.manifest = Manifest.read(folder)

    def section(self, name: str, model: type[Section]) -> Section:
        """The manifest's section ``name`` as a ``model``, the type that the bundle's kind has for it.

        Raises:
            BundleError: if it does not fit that type.
        """
        try:
            return msgspec.convert(getattr(self.manifest, name), model)
        except msgspec.ValidationError as error:
            raise wrong(self.folder, error, f": {name}") from None

    def __contains__(self, name: str) -> bool:
        return name in self.manifest.files

    def path(self, name: str) -> Path:
        """The path of the file that the manifest lists as ``name``.

        Raises:
            BundleError: if the manifest lists none.
        """
        try:
            return self.folder / self.manifest.files[name].path
        except KeyError:
            raise BundleError(f"{MANIFEST} of {self.folder} lists no file {name!r}.") from None

    def gigabytes(self, name: str) -> float:
        """Size of the file that the manifest lists as ``name``, and of the file with its weights if it has one."""
        files = self.manifest.files
        return sum(files[part].bytes for part in (name, f"{name}.data") if part in files) / 1e9

    def verify(self) -> None:
        """Compare each file's size and sha256 with the manifest.

        Raises:
            BundleError: if a file is missing or differs; it names the first.
        """
        for file in self.manifest.files.values():
            path = self.folder / file.path
            started = time.monotonic()
            try:
                if path.stat().st_size != file.bytes:
                    raise BundleError(f"{path} has {path.stat().st_size} bytes; its manifest says {file.bytes}.")
                digest = sha256(path)
            except OSError as error:
                raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
            if digest != file.sha256:
                raise BundleError(
                    f"{path} is not the file its manifest lists: its sha256 is {digest}, not {file.sha256}."
                )
            if file.bytes >= _LARGE:
                log.info("Verified %s (%.1f GB) in %.1f s.", file.path, file.bytes / 1e9, time.monotonic() - started)


def sha256(path: Path) -> str:
    """The sha256 of a file, in lower-case hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def wrong(folder: Path, error: Exception, where: str = "") -> BundleError:
    """The error for a manifest that is wrong: in which folder, ``where`` in it, and how."""
    return BundleError(f"{MANIFEST} of {folder} is wrong{where}: {error}.")


def _measured(folder: Path, path: str) -> BundleFile:
    return BundleFile(path, (folder / path).stat().st_size, sha256(folder / path))
