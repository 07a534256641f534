"""Which photos are to be converted, and where each result goes: decided and checked before any work begins."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from colorize_service.cli import names
from colorize_service.cli.names import Name
from colorize_service.picture_kinds import RESULTS, SUFFIXES

STDIN, STDOUT = Path("/dev/stdin"), Path("/dev/stdout")
# Names by which photos in a folder are known; a file given by name may have any.
PHOTO_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes}
_RESULT_SUFFIXES = [suffix for suffixes in RESULTS.values() for suffix in suffixes]
MOST_NAMES = 10  # in one line
# Files beside photos that nobody takes for photos: texts, sidecars, and what systems leave in folders.
_BESIDE_PHOTOS = {
    *(".aae", ".cfg", ".csv", ".db", ".dop", ".htm", ".html", ".ini", ".json", ".lnk", ".log", ".md", ".md5", ".pp3"),
    *(".py", ".sh", ".sha1", ".sha256", ".txt", ".url", ".xml", ".xmp", ".yaml", ".yml"),
}


@dataclass(frozen=True)
class Task:
    """A photo to convert.

    Attributes:
        source: the photo.
        result: the file that the result goes to; None: the photo cannot be converted.
        problem: the sentence that tells why not, if ``result`` is None.
        name: how ``result`` came about, if it was not given.
    """

    source: Path
    result: Path | None
    problem: str | None = None
    name: Name | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        tasks: the photos.
        notes: sentences about them for the user.
        other_formats: how many files of each suffix in the folders are of formats that are not read.
    """

    tasks: list[Task]
    notes: list[str]
    other_formats: Counter[str]


def plan(paths: Sequence[str], output: str | None, recursive: bool, ending: str) -> Plan:
    """The photos to convert, each once: in the order of the arguments, those of a folder in alphabetical order.

    Args:
        paths: files, folders, or ``-`` alone for standard input.
        output: a file for the result of one photo, a folder, ``-`` for standard output, or None: beside each photo.
        recursive: whether to take the photos in subfolders too.
        ending: of the results' names, such as ``-color.jpg``.

    Raises:
        click.UsageError: if two results would be the same file, a result would replace its own photo, or ``output``
            does not suit ``paths``.
    """
    others: dict[str, str] = {}
    notes: list[str] = []
    if "-" in paths:
        if len(paths) > 1:
            raise click.UsageError("'-' is standard input and stands alone.")
        output = output or "-"
    if output is not None and _is_file(output, paths):
        (path,) = paths
        if "-" in (path, output):
            task = Task(STDIN if path == "-" else Path(path), STDOUT if output == "-" else Path(output))
            return Plan([task], [], Counter())
        tasks = [Task(Path(path), Path(output))]
    elif paths == ("-",):
        raise click.UsageError("The photo from standard input needs a file: -o NAME.jpg, or -o - for standard output.")
    else:
        folder = None if output is None else Path(output)
        tasks = [task for path in paths for task in _tasks(Path(path), folder, recursive, ending, others)]
        tasks, notes = _apart(_photos_only(tasks))
        tasks = _named_as_before(tasks)
    for task in tasks:
        if task.result is not None and _identity(task.source) == _identity(task.result):
            raise click.UsageError(f"{shown(task.source)} would be replaced by its own result; name another with -o.")
    return Plan(tasks, notes, Counter(others.values()))


def _is_file(output: str, paths: Sequence[str]) -> bool:
    """Whether ``output`` is a file for the result of a single photo, and not a folder."""
    path = Path(output)
    suffix = path.suffix.lower()
    if output != "-" and (path.is_dir() or (suffix not in PHOTO_SUFFIXES and not path.exists())):
        return False
    if len(paths) > 1 or Path(paths[0]).is_dir():
        raise click.UsageError(f"-o {output} is one file, but there may be several results; name a folder.")
    if output != "-" and suffix not in _RESULT_SUFFIXES:
        raise click.UsageError(
            f"-o {output}: results are JPEG, PNG, TIFF or WebP files; name it {', '.join(_RESULT_SUFFIXES)}, "
            "or name a folder."
        )
    return True


def _tasks(path: Path, output: Path | None, recursive: bool, ending: str, others: dict[str, str]) -> Iterator[Task]:
    """The tasks of an argument. ``others`` takes the suffixes of files of other formats, by their identity."""
    if not path.is_dir():
        yield _named(Name(path, ending, output, path.parent))
        return
    problems: list[OSError] = []
    found = False
    for folder, subfolders, files in os.walk(path, onerror=problems.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".")) if recursive else []
        for file in (Path(folder, name) for name in sorted(files) if not name.startswith(".")):
            suffix = file.suffix.lower()
            if suffix in _BESIDE_PHOTOS or names.coloured(file.name) or not file.is_file():
                continue
            if suffix not in PHOTO_SUFFIXES:
                others[_identity(file)] = suffix
                continue
            found = True
            yield _named(Name(file, ending, output, path))
    for error in problems:
        yield Task(Path(error.filename), None, f"The folder cannot be read: {error.strerror}.")
    if not found and not problems:
        yield Task(
            path,
            None,
            "There are no photos in this folder"
            + ("." if recursive else "; --recursive looks into its subfolders too."),
        )


def _photos_only(tasks: list[Task]) -> list[Task]:
    """The tasks, each once, and without earlier results, which a pattern such as ``*.jpg`` includes."""
    photos = [task.source for task in tasks if task.result is not None]
    known = {_identity(photo.parent / name) for photo in photos for name in (photo.stem, photo.name)}
    kept = {}
    for task in tasks:
        of = names.coloured(task.source.name)
        if (
            task.result is None
            or of is None
            or not known & {_identity(task.source.parent / name) for name in _photo_names(of)}
        ):
            kept[_identity(task.source), task.result and _identity(task.result)] = task
    return list(kept.values())


def _photo_names(of: str) -> set[str]:
    """How the photo of a result may be named in a run: of ``x.tif-color.jpg`` it may be the ``x.jpg`` beside it."""
    photo = Path(of)
    return {of, photo.stem} if photo.suffix.lower() in PHOTO_SUFFIXES else {of}


def _named(name: Name) -> Task:
    return Task(name.source, name.path, name=name)


def _apart(tasks: list[Task]) -> tuple[list[Task], list[str]]:
    """The tasks with a name of its own for each result, and notes if that took fuller names.

    All photos whose results would have one name get fuller ones. If one of them kept the short name, then it would be
    taken for the result of the other when that is alone in a later run.
    """
    apart = list(tasks)
    while shared := [group for group in _by_result(apart) if len(group) > 1]:
        for group in shared:
            for i, task in zip(group, _told_apart([apart[i] for i in group]), strict=True):
                apart[i] = task
    new = [task for task, old in zip(apart, tasks, strict=True) if task != old]
    in_folders = [task for task in new if task.name and task.name.folders]
    return apart, [
        *_note("lie in folders named after their own", in_folders),
        *_note("keep the whole names", [task for task in new if task not in in_folders]),
    ]


def _by_result(tasks: list[Task]) -> list[list[int]]:
    """Which tasks have the same result, each by its place in the list."""
    groups = defaultdict(list)
    for i, task in enumerate(tasks):
        if task.result is not None:
            groups[_identity(task.result)].append(i)
    return list(groups.values())


def _told_apart(tasks: list[Task]) -> list[Task]:
    """Photos with one result, each with a fuller name for it: of its folder if they share their own, else the whole."""
    found = [task.name for task in tasks if task.name]
    if len({name.source.name for name in found}) == len(tasks):
        fuller = [replace(name, whole=True) for name in found]
    else:
        fuller = [more for name in found if (more := name.in_folder())]
    if len(fuller) < len(tasks):
        first, second = (shown(task.source) for task in tasks[:2])
        raise click.UsageError(
            f"{first} and {second} would both become {shown(found[0].path)}; convert them apart, with -o."
        )
    return [_named(name) for name in fuller]


def _note(how: str, tasks: list[Task]) -> Iterator[str]:
    if tasks:
        results = [shown(task.result) for task in tasks[:MOST_NAMES] if task.result is not None]
        listed = ", ".join(results) + ", …" * (len(tasks) > MOST_NAMES)
        yield f"{len(tasks)} photos share their names with others; their results {how}: {listed}"


def _named_as_before(tasks: list[Task]) -> list[Task]:
    """The tasks; a photo's result keeps the fuller name that it got in a run with another photo of the name."""
    taken = {_identity(task.result) for task in tasks if task.result is not None}
    return [_as_before(task, taken) for task in tasks]


def _as_before(task: Task, taken: set[str]) -> Task:
    for name in task.name.of_earlier_runs() if task.name else ():
        if os.path.lexists(name.path) and _identity(name.path) not in taken:
            return _named(name)
    return task


def _identity(path: Path) -> str:
    """One path for all paths to the same directory entry. A link is not followed: a result would replace it."""
    return os.path.join(_real(path.parent), path.name)


@functools.cache
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def shown(path: Path) -> str:
    """The path for a person to read, with ``?`` for each character that cannot be printed."""
    return "".join(char if char.isprintable() else "?" for char in str(path))
