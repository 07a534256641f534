"""Messages to the user: results on standard output, progress and problems on standard error."""

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import click

from colorize_service.cli.tasks import MOST_NAMES, STDOUT, Task, shown


@dataclass(frozen=True)
class Outcome:
    """A task that is done, was done before, or has failed.

    Attributes:
        problem: the sentence that tells why it failed; None: it is done.
        skipped: its result was there already, and was left.
    """

    task: Task
    problem: str | None
    skipped: bool = False


class Report:
    """A progress bar if there is a terminal, else a line for each photo. The bar is shown within a ``with`` block."""

    def __init__(self, total: int, as_json: bool):
        self._total, self._as_json = total, as_json
        self._done = self._skipped = 0
        self._failed: list[Outcome] = []
        on_terminal = sys.stdout.isatty()
        with_bar = total > 1 and sys.stderr.isatty() and not (as_json and on_terminal)
        self._bar = None
        if with_bar:
            self._bar = click.progressbar(length=total, label="Colorizing", show_pos=True, file=sys.stderr)
        self._result_lines = not (with_bar and on_terminal)

    @property
    def complete(self) -> bool:
        """Whether every photo has its result and none failed."""
        return self._done + self._skipped == self._total

    def __enter__(self) -> "Report":
        if self._bar:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.__exit__(kind, error, traceback)
            for outcome in self._failed:
                _say_problem(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count a photo and tell its outcome."""
        if outcome.skipped:
            self._skipped += 1
        elif outcome.problem is None:
            self._done += 1
        else:
            self._failed.append(outcome)
        result = None if outcome.problem else outcome.task.result
        if self._as_json:
            _say_json(outcome)
        elif result not in (None, STDOUT) and self._result_lines and not outcome.skipped:
            click.echo(os.fsencode(result))
        if self._bar:
            self._bar.update(1)
        elif outcome.problem is not None:
            _say_problem(outcome)

    def summarize(self, interrupted: bool = False) -> None:
        """Tell how many photos are done, and which ones failed."""
        count = f"{self._done} of {self._total} photo{'s' * (self._total != 1)} colorized"
        if self._skipped:
            count += f", {self._skipped} skipped"
        if interrupted:
            click.echo(f"Interrupted: {count}; nothing is half-written.", err=True)
        elif self._total > 1 or self._skipped:
            names = ", ".join(shown(outcome.task.source) for outcome in self._failed[:MOST_NAMES])
            more = ", …" * (len(self._failed) > MOST_NAMES)
            click.echo(count + (f", {len(self._failed)} failed: {names}{more}" if self._failed else "."), err=True)


def say_other_formats(suffixes: Counter[str]) -> None:
    """Tell how many files in folders are of formats that are not read, the most frequent first."""
    if total := suffixes.total():
        kinds = [f"{shown(Path(suffix)) if suffix else 'no ending'} ({n})" for suffix, n in suffixes.most_common()]
        listed = ", ".join(kinds[:MOST_NAMES]) + ", …" * (len(kinds) > MOST_NAMES)
        files = "1 file of another format was" if total == 1 else f"{total} files of other formats were"
        click.echo(f"{files} skipped: {listed}", err=True)


def _say_problem(outcome: Outcome) -> None:
    click.echo(f"{shown(outcome.task.source)}: {outcome.problem}", err=True)


def _say_json(outcome: Outcome) -> None:
    task = outcome.task
    result = None if outcome.problem else str(task.result)
    click.echo(
        json.dumps({"source": str(task.source), "result": result, "error": outcome.problem, "skipped": outcome.skipped})
    )
