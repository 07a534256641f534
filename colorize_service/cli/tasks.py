"""Which photos are to be converted, and where each result goes: decided and checked before any work begins."""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from colorize_service.picture_kinds import SUFFIXES

STDIN, STDOUT = Path("/dev/stdin"), Path("/dev/stdout")
# Names by which photos in a folder are known; a file given by name may have any.
PHOTO_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes}
_JPEG_SUFFIXES = {".jpg", ".jpeg"}
_ENDING = "-color.jpg"


@dataclass(frozen=True)
class Task:
    """A photo to convert.

    Attributes:
        source: the photo.
        result: the file that the result goes to; None: the photo cannot be converted.
        problem: the sentence that tells why not, if ``result`` is None.
    """

    source: Path
    result: Path | None
    problem: str | None = None


def plan(paths: Sequence[str], output: str | None, recursive: bool) -> list[Task]:
    """The photos to convert, each once: in the order of the arguments, those of a folder in alphabetical order.

    Args:
        paths: files, folders, or ``-`` alone for standard input.
        output: a JPEG file for one photo, a folder, ``-`` for standard output, or None: beside each photo.
        recursive: whether to take the photos in subfolders too.

    Raises:
        click.UsageError: if two results would be the same file, a result would replace its own photo, or ``output``
            does not suit ``paths``.
    """
    if "-" in paths:
        if len(paths) > 1:
            raise click.UsageError("'-' is standard input and stands alone.")
        output = output or "-"
    if output is not None and _is_file(output, paths):
        (path,) = paths
        if "-" in (path, output):
            return [Task(STDIN if path == "-" else Path(path), STDOUT if output == "-" else Path(output))]
        tasks = [Task(Path(path), Path(output))]
    elif paths == ("-",):
        raise click.UsageError("The photo from standard input needs a file: -o NAME.jpg, or -o - for standard output.")
    else:
        folder = None if output is None else Path(output)
        tasks = [task for path in paths for task in _tasks(Path(path), folder, recursive)]
    return _without_conflicts(tasks)


def _is_file(output: str, paths: Sequence[str]) -> bool:
    """Whether ``output`` is a file for the result of a single photo, and not a folder."""
    path = Path(output)
    suffix = path.suffix.lower()
    if output != "-" and (path.is_dir() or (suffix not in PHOTO_SUFFIXES and not path.exists())):
        return False
    if len(paths) > 1 or Path(paths[0]).is_dir():
        raise click.UsageError(f"-o {output} is one file, but there may be several results; name a folder.")
    if output != "-" and suffix not in _JPEG_SUFFIXES:
        raise click.UsageError(f"-o {output}: results are JPEG files; name it .jpg, or name a folder.")
    return True


def _tasks(path: Path, output: Path | None, recursive: bool) -> Iterator[Task]:
    if not path.is_dir():
        yield Task(path, _result(path, output or path.parent))
        return
    problems: list[OSError] = []
    found = False
    for folder, subfolders, names in os.walk(path, onerror=problems.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".")) if recursive else []
        for photo in filter(_is_photo, (Path(folder, name) for name in sorted(names))):
            found = True
            yield Task(photo, _result(photo, output / photo.parent.relative_to(path) if output else photo.parent))
    for error in problems:
        yield Task(Path(error.filename), None, f"The folder cannot be read: {error.strerror}.")
    if not found and not problems:
        yield Task(
            path,
            None,
            "There are no photos in this folder"
            + ("." if recursive else "; --recursive looks into its subfolders too."),
        )


def _is_photo(path: Path) -> bool:
    """Whether a file in a folder is a photo by its name: not hidden, and no earlier result."""
    return (
        path.suffix.lower() in PHOTO_SUFFIXES
        and not path.name.startswith(".")
        and not path.name.lower().endswith(_ENDING)
        and path.is_file()
    )


def _without_conflicts(tasks: list[Task]) -> list[Task]:
    """The tasks without repetitions, and without earlier results, which a pattern such as ``*.jpg`` includes."""
    by_result: dict[str, Task] = {}
    kept = []
    for task in tasks:
        if task.result is None:
            kept.append(task)
            continue
        other = by_result.setdefault(_identity(task.result), task)
        if other is task:
            kept.append(task)
        elif _identity(other.source) != _identity(task.source):
            raise click.UsageError(
                f"{shown(other.source)} and {shown(task.source)} would both become "
                f"{shown(task.result)}; convert them apart, with -o."
            )
    for task in kept:
        if by_result.get(_identity(task.source)) is task:
            raise click.UsageError(f"{shown(task.source)} would be replaced by its own result; name another with -o.")
    earlier = {_identity(_result(task.source, task.source.parent)) for task in kept}
    return [task for task in kept if _identity(task.source) not in earlier]


def _result(source: Path, folder: Path) -> Path:
    return folder / f"{source.stem}{_ENDING}"


def _identity(path: Path) -> str:
    """One path for all paths to the same directory entry. A link is not followed: a result would replace it."""
    return os.path.join(_real(path.parent), path.name)


@functools.cache
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def shown(path: Path) -> str:
    """The path for a person to read, with ``?`` for each character that cannot be printed."""
    return "".join(char if char.isprintable() else "?" for char in str(path))
