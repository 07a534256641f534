"""Checkpoints from the Hugging Face hub, compared with their sha256, and what is known of published ones."""

import re
from dataclasses import dataclass
from pathlib import Path

import requests
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError

from colorize_service.bundle import sha256
from export.errors import InputError, NetworkError


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the manifest tells people about weights.

    Attributes:
        source: where they come from.
        name, version: of the model.
        licence: of the weights.
    """

    source: str
    name: str
    version: str = "unknown"
    licence: str = "not recorded; the author of the weights has set it"


@dataclass(frozen=True, kw_only=True)
class Known:
    """A published checkpoint.

    Attributes:
        file: its path within the repository.
        sha256: of that file.
        name, version, licence: as in :class:`Origin`.
    """

    file: str
    sha256: str
    name: str
    version: str
    licence: str


#: Published checkpoints by their repositories.
KNOWN = {
    "rsortino/ColorizeNet": Known(
        file="colorizenet-sd21.ckpt",
        sha256="ded70440cdcc2b61525dba52d73060cae0754bed1e49f83798355a40050f9a0c",
        name="ColorizeNet",
        version="sd21",
        licence="CreativeML Open RAIL++-M",
    )
}


def origin_of(checkpoint: Path, digest: str) -> Origin:
    """The origin of a checkpoint's file with this sha256. Only a published checkpoint's licence is known."""
    for repository, known in KNOWN.items():
        if known.sha256 == digest:
            source = f"{repository}, sha256 {digest}"
            return Origin(source=source, name=known.name, version=known.version, licence=known.licence)
    return Origin(source=f"{checkpoint.name}, sha256 {digest}", name=checkpoint.stem)


def is_hub_id(name: str) -> bool:
    """Whether this is ``owner/name`` or ``owner/name/file`` of the hub and not a path that exists."""
    return (
        bool(re.fullmatch(r"[\w.-]+/[\w.-]+(/[\w./-]+)?", name))
        and not Path(name).exists()
        and not name.startswith(".")
        and (name.count("/") > 1 or Path(name).suffix not in (".ckpt", ".safetensors"))
    )


def fetch(name: str, expected: str | None) -> Path:
    """The file of a hub id, from the local cache or downloaded.

    Args:
        name: ``owner/name/file``, or ``owner/name`` of a published checkpoint.
        expected: its sha256; may be None for a published checkpoint.

    Raises:
        InputError: if the hub has no such file, or there is no sha256 to compare it with.
        NetworkError: if it cannot be fetched, or has another sha256.
    """
    owner, repository, *rest = name.split("/")
    repository = f"{owner}/{repository}"
    known = KNOWN.get(repository)
    file = "/".join(rest) or (known.file if known else None)
    if file is None:
        raise InputError(f"Name the file of {repository} too, as in {repository}/model.safetensors.")
    if expected is None and known and file == known.file:
        expected = known.sha256
    if expected is None:
        raise InputError(f"Give the sha256 that {name} must have with --sha256; the hub shows it on the file's page.")
    try:
        path = Path(hf_hub_download(repository, file))
    except LocalEntryNotFoundError:
        raise NetworkError(f"{name} is not in the local cache, and the hub cannot be reached.") from None
    except (RepositoryNotFoundError, EntryNotFoundError):
        raise InputError(f"The hub has no file {name}, or not for you.") from None
    except (requests.RequestException, OSError) as error:
        raise NetworkError(f"{name} cannot be fetched: {str(error).splitlines()[0]}.") from None
    found = sha256(path)
    if found != expected:
        raise NetworkError(
            f"{name} is not what was asked for: its sha256 is {found}, not {expected}; the file is {path}."
        )
    return path
