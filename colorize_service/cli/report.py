"""Messages to the user: results on standard output, progress and problems on standard error."""

import json
import os
import sys
from dataclasses import dataclass
from types import TracebackType

import click

from colorize_service.cli.tasks import STDOUT, Task, shown

MOST_NAMES = 10  # of failed photos, in the last line


@dataclass(frozen=True)
class Outcome:
    """A task that is done or has failed.

    Attributes:
        problem: the sentence that tells why it failed; None: it is done.
    """

    task: Task
    problem: str | None


class Report:
    """A progress bar if there is a terminal, else a line for each photo. The bar is shown within a ``with`` block."""

    def __init__(self, total: int, as_json: bool):
        self._total, self._as_json = total, as_json
        self._done = 0
        self._failed: list[Outcome] = []
        on_terminal = sys.stdout.isatty()
        with_bar = total > 1 and sys.stderr.isatty() and not (as_json and on_terminal)
        self._bar = None
        if with_bar:
            self._bar = click.progressbar(length=total, label="Colorizing", show_pos=True, file=sys.stderr)
        self._result_lines = not (with_bar and on_terminal)

    @property
    def complete(self) -> bool:
        """Whether every photo is done and none failed."""
        return self._done == self._total

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
        if outcome.problem is None:
            self._done += 1
        else:
            self._failed.append(outcome)
        result = None if outcome.problem else outcome.task.result
        if self._as_json:
            _say_json(outcome)
        elif result is not None and result != STDOUT and self._result_lines:
            click.echo(os.fsencode(result))
        if self._bar:
            self._bar.update(1)
        elif outcome.problem is not None:
            _say_problem(outcome)

    def summarize(self, interrupted: bool = False) -> None:
        """Tell how many photos are done, and which ones failed."""
        count = f"{self._done} of {self._total} photo{'s' * (self._total != 1)} colorized"
        if interrupted:
            click.echo(f"Interrupted: {count}; nothing is half-written.", err=True)
        elif self._total > 1:
            names = ", ".join(shown(outcome.task.source) for outcome in self._failed[:MOST_NAMES])
            more = ", …" * (len(self._failed) > MOST_NAMES)
            click.echo(count + (f", {len(self._failed)} failed: {names}{more}" if self._failed else "."), err=True)


def _say_problem(outcome: Outcome) -> None:
    click.echo(f"{shown(outcome.task.source)}: {outcome.problem}", err=True)


def _say_json(outcome: Outcome) -> None:
    task = outcome.task
    result = None if outcome.problem else str(task.result)
    click.echo(json.dumps({"source": str(task.source), "result": result, "error": outcome.problem}))
