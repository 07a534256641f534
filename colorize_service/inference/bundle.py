"""Model bundles: a folder with ``manifest.json`` and the files it lists."""

import hashlib
import logging
import time
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import msgspec

log = logging.getLogger(__name__)

FORMAT = 1

# Files from this size on are worth a line in the log while they are read.
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
    """``manifest.json``. ``format`` is the version of this layout, ``kind`` chooses the class that runs the model.

    What ``processing``, ``defaults`` and ``diffusion`` hold depends on the kind; see :meth:`Bundle.section`.
    """

    format: int
    kind: str
    name: str
    version: str
    precision: str = "fp32"
    processing: dict[str, object]
    defaults: dict[str, object] = {}
    diffusion: dict[str, object] = {}
    files: dict[str, BundleFile]
    source: str
    licence: str


class Bundle:
    """A bundle whose manifest has been read; :meth:`verify` proves its files."""

    def __init__(self, folder: Path):
        """Read the manifest.

        Raises:
            BundleError: if there is none, it is malformed, or it is of a newer format.
        """
        self._folder = folder
        try:
            text = (folder / "manifest.json").read_bytes()
        except OSError as error:
            raise BundleError(f"{folder / 'manifest.json'} cannot be read: {error.strerror}.") from error
        try:
            self.manifest = msgspec.json.decode(text, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._wrong(error) from None
        if self.manifest.format != FORMAT:
            raise BundleError(
                f"{folder} is a bundle of format {self.manifest.format}; this version reads format "
                f"{FORMAT}. Install the version of the service that the bundle was made for."
            )

    def section(self, name: str, model: type[Section]) -> Section:
        """The manifest's section ``name`` as its kind has it.

        Raises:
            BundleError: if it is not as ``model`` has it.
        """
        try:
            return msgspec.convert(getattr(self.manifest, name), model)
        except msgspec.ValidationError as error:
            raise self._wrong(error, f": {name}") from None

    def _wrong(self, error: Exception, where: str = "") -> BundleError:
        return BundleError(f"manifest.json of {self._folder} is wrong{where}: {error}.")

    def __contains__(self, name: str) -> bool:
        return name in self.manifest.files

    def path(self, name: str) -> Path:
        """The path of the file that the manifest lists as ``name``.

        Raises:
            BundleError: if it lists none.
        """
        try:
            return self._folder / self.manifest.files[name].path
        except KeyError:
            raise BundleError(f"manifest.json of {self._folder} lists no file {name!r}.") from None

    def gigabytes(self, name: str) -> float:
        """How much the file that the manifest lists as ``name`` holds, with the weights beside it."""
        files = self.manifest.files
        return sum(files[part].bytes for part in (name, f"{name}.data") if part in files) / 1e9

    def verify(self) -> None:
        """Compare each file's size and sha256 with the manifest.

        Raises:
            BundleError: naming the first file that is missing or differs.
        """
        for file in self.manifest.files.values():
            path = self._folder / file.path
            started = time.monotonic()
            try:
                if path.stat().st_size != file.bytes:
                    raise BundleError(f"{path} has {path.stat().st_size} bytes; its manifest says {file.bytes}.")
                with open(path, "rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
            if digest != file.sha256:
                raise BundleError(
                    f"{path} is not the file its manifest lists: its sha256 is {digest}, not {file.sha256}."
                )
            if file.bytes >= _LARGE:
                log.info("Verified %s (%.1f GB) in %.1f s.", file.path, file.bytes / 1e9, time.monotonic() - started)
