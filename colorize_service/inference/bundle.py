"""Model bundles: a folder with ``manifest.json`` and the files it lists."""

import hashlib
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

FORMAT = 1


class BundleError(Exception):
    """The bundle cannot be used; the message says what is wrong with which file."""


class BundleFile(BaseModel):
    """A file of the bundle: its path within the folder, its size in bytes and its sha256 in lower-case hex."""

    path: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _within_bundle(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError("takes a path within the bundle")
        return value


class Processing(BaseModel):
    """The size in pixels at which the model sees a picture."""

    shorter_side: int = Field(gt=0)
    multiple_of: int = Field(gt=0)
    max_pixels: int = Field(gt=0)


class Manifest(BaseModel):
    """``manifest.json``. ``format`` is the version of this layout, ``kind`` chooses the class that runs the model."""

    model_config = ConfigDict(extra="ignore")

    format: int
    kind: str
    name: str
    version: str
    processing: Processing
    defaults: dict[str, object] = {}
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
            self.manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"]) or "the file"
            raise BundleError(f"manifest.json of {folder} is wrong: {where}: {problem['msg']}.") from None
        if self.manifest.format != FORMAT:
            raise BundleError(f"{folder} is a bundle of format {self.manifest.format}; this version reads format "
                              f"{FORMAT}. Install the version of the service that the bundle was made for.")

    def path(self, name: str) -> Path:
        """The path of the file that the manifest lists as ``name``.

        Raises:
            BundleError: if it lists none.
        """
        try:
            return self._folder / self.manifest.files[name].path
        except KeyError:
            raise BundleError(f"manifest.json of {self._folder} lists no file {name!r}.") from None

    def verify(self) -> None:
        """Compare each file's size and sha256 with the manifest.

        Raises:
            BundleError: naming the first file that is missing or differs.
        """
        for file in self.manifest.files.values():
            path = self._folder / file.path
            try:
                if path.stat().st_size != file.bytes:
                    raise BundleError(f"{path} has {path.stat().st_size} bytes; its manifest says {file.bytes}.")
                with open(path, "rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
            if digest != file.sha256:
                raise BundleError(f"{path} is not the file its manifest lists: its sha256 is {digest}, not {file.sha256}.")
