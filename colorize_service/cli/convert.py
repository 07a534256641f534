"""``colorize PHOTO…``."""

import contextlib
import functools
import gc
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import click

from colorize_service import __version__
from colorize_service.cli import streams, suggest
from colorize_service.cli.files import Writer, remove_dead_parts
from colorize_service.cli.forms import Wanted, form_options, wanted_of
from colorize_service.cli.options import colorization_options, options_of
from colorize_service.cli.report import Outcome, Report, say_other_formats
from colorize_service.cli.tasks import STDOUT, Task, plan
from colorize_service.options import JPEG_QUALITY

#: Exit status after an interruption.
INTERRUPTED = 130
#: Seconds within which another signal is ignored.
CLOSELY = 2

_HELP = """Give black-and-white photos their colours.

photo.jpg becomes photo-color.jpg beside it: the same photo, with its own size and detail, its date, caption and other
metadata. A FOLDER stands for the photos in it; "-" reads one photo from standard input and writes the result to
standard output.

\b
  colorize photo.jpg                       photo-color.jpg
  colorize photo.jpg -o coloured.jpg       coloured.jpg
  colorize photos -o coloured --recursive  coloured/…/…-color.jpg, for all in the folder photos
  colorize scan.tif -o scan-color.tif      a TIFF, of 16 bits if the scan has them
  colorize --hint 0.3,0.6,#208030 a.jpg    what is at that place is green
  colorize --suggest 0.3,0.6 a.jpg         the colours that are likely there, for a hint
  colorize serve                           the HTTP service; see colorize serve --help

The names of the results go to standard output, progress and problems to standard error. A photo that cannot be
converted does not stop the others. Exit status: 0 all photos have their results, 1 some have not, 2 wrong usage or a
model that cannot be used, 130 interrupted."""


class Interrupts:
    """Makes Ctrl-C and SIGTERM raise KeyboardInterrupt, from its creation on.

    A signal shortly after another is ignored: it would interrupt what the first one has started.
    """

    def __init__(self) -> None:
        self._last = -math.inf
        signal.signal(signal.SIGTERM, self._handle)
        # A shell starts background jobs with SIGINT ignored; then it stays so.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)

    def _handle(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._last > CLOSELY:
            self._last = now
            raise KeyboardInterrupt

    @staticmethod
    def ignore() -> None:
        """Ignore Ctrl-C and SIGTERM from now on."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@click.command(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("paths", metavar="PHOTO|FOLDER...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="NAME|FOLDER",
    help="Where the result of one photo goes, or a folder for all results; a folder's tree is kept. "
    "NAME ends in .jpg, .png, .tif or .webp.",
)
@click.option("-r", "--recursive", is_flag=True, help="Take the photos in subfolders too.")
@click.option("-f", "--force", is_flag=True, help="Replace results that are there already.")
@click.option("-s", "--skip-existing", is_flag=True, help="Leave results that are there already, and do the rest.")
@colorization_options
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    envvar="MODEL_BUNDLE",
    show_envvar=True,
    metavar="FOLDER",
    help="Folder of the model.  [default: the one that is part of the program]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    envvar="DEVICE",
    show_envvar=True,
    help="cuda demands a GPU, auto takes one if it works.",
)
@form_options
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    metavar="N",
    default=JPEG_QUALITY,
    show_default=True,
    help="Of results in JPEG and WebP; from 96 on JPEG keeps the luminance most exactly.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Photos in work at a time.  [default: one for each CPU core]",
)
@click.option(
    "--suggest",
    "place",
    type=suggest.place,
    metavar="X,Y",
    help="Write no result, but the colours that are likely at a point of the one photo, x and y as a hint's.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON for each photo as it is done.")
@click.version_option(__version__, prog_name="colorize")
def convert(
    paths: tuple[str, ...],
    output: str | None,
    recursive: bool,
    force: bool,
    skip_existing: bool,
    as_json: bool,
    jobs: int | None,
    **how: Any,
) -> None:
    """Plan, load the model, convert, report. ``how``: options of `forms`, and arguments of :func:`_work`."""
    if force and skip_existing:
        raise click.UsageError("--force replaces results, --skip-existing leaves them; give one of the two.")
    wanted = wanted_of(output, how)
    question = None
    if place := how.pop("place"):
        planned, question = suggest.plan(paths), suggest.Question(place, as_json)
        as_json = False
    else:
        planned = plan(paths, output, recursive, wanted.ending)
        _check_standard_output(planned.tasks, as_json)
    tasks = planned.tasks
    writer, report = Writer(force, skip_existing), Report(len(tasks), as_json)
    interrupts = Interrupts()
    try:
        from colorize_service.process import available_cpus  # here, since it brings ctypes and logging

        jobs = min(jobs or available_cpus(), len(tasks))
        work = _work(writer, jobs, wanted, question, **how)
        remove_dead_parts({task.result.parent for task in tasks if task.result not in (None, STDOUT)})
        for note in planned.notes:
            click.echo(note, err=True)
        gc.freeze()
        gc.enable()
        with report:
            pool = ThreadPool(jobs)
            for outcome in pool.imap_unordered(work, tasks):
                report.add(outcome)
            interrupts.ignore()
            pool.close()
    except (KeyboardInterrupt, BrokenPipeError) as reason:
        interrupts.ignore()
        writer.stop()
        if isinstance(reason, BrokenPipeError):  # nobody reads the names of the results
            os._exit(1)
        report.summarize(interrupted=True)
        os._exit(INTERRUPTED)  # at once: threads may be in a long run of the model
    report.summarize()
    say_other_formats(planned.other_formats)
    sys.exit(0 if report.complete else 1)


def _check_standard_output(tasks: list[Task], as_json: bool) -> None:
    if tasks[0].result == STDOUT:
        if as_json:
            raise click.UsageError(
                "The result goes to standard output, where --json would write too; name a file with -o."
            )
        if streams.is_closed(streams.STDOUT):
            raise click.UsageError("The result would go to standard output, which is closed; name a file with -o.")
        if sys.stdout.isatty():
            raise click.UsageError("The result would go to the terminal; redirect it, or name a file with -o.")


class _UnusableModel(click.ClickException):
    """A bundle that is whole and yet cannot be run: as wrong a choice as a broken one."""

    exit_code = click.UsageError.exit_code


@contextlib.contextmanager
def _model_errors() -> Iterator[None]:
    """Within it, what is wrong with the choice of a model is wrong usage."""
    from colorize_service.bundle import BundleError
    from colorize_service.inference.model import NothingSuggested, OptionNotTaken
    from colorize_service.inference.session import DeviceUnavailable

    try:
        yield
    except BundleError as error:
        raise click.BadParameter(str(error), param_hint="--bundle") from None
    except DeviceUnavailable as error:
        raise click.BadParameter(str(error), param_hint="--device") from None
    except NothingSuggested as error:
        raise click.UsageError(f"{error} --bundle names another.") from None
    except OptionNotTaken as error:
        taken = f"The model {error.model} takes no {error.option.replace('_', ' ')}; --bundle names another."
        raise click.UsageError(taken) from None
    except Exception as error:  # such as a file that ONNX Runtime does not run
        raise _UnusableModel(f"The model cannot be loaded: {type(error).__name__}: {error}") from None


def _check_form(form: str) -> None:
    """Before the model's threads are started, which do not bear the end of the process."""
    from colorize_service.imaging import ImageError, results

    try:
        results.check(form)
    except ImageError as error:
        raise click.BadParameter(str(error), param_hint="--format") from None


def _work(
    writer: Writer,
    jobs: int,
    wanted: Wanted,
    question: suggest.Question | None,
    *,
    bundle: Path | None,
    device: str,
    quality: int,
    **asked: object,
) -> Callable[[Task], Outcome]:
    """Load the model, and return the function that does a task. ``asked``: the fields of ``Options``.

    Args:
        question: what is to be told of the photo in the place of a result.
    """
    # Imported only here, so that wrong usage and --help do not wait for NumPy and ONNX Runtime.
    from colorize_service.process import available_cpus, prepare_process

    prepare_process()
    from colorize_service.cli.loading import load
    from colorize_service.inference.model import check_suggests

    options = options_of(asked)
    if wanted.form != "jpeg":  # which all can write, and so need not wait for
        _check_form(wanted.form)
    loader = ThreadPool(1)
    loading = loader.apply_async(load, (bundle, device, jobs, options.of_the_model()))
    loader.close()
    from colorize_service.cli.photos import MAX_PIXELS, attempt  # imports the rest while the model is loaded
    from colorize_service.colorizer import Colorizer, Form
    from colorize_service.imaging.metadata import Notes

    with _model_errors():
        model, name = loading.get()
        if question:
            check_suggests(model)
    form = Form(wanted.form, Notes(f"{name} (Colorize {__version__})", keep=wanted.keep, place=wanted.place))
    spread = jobs < available_cpus()
    colorizer = Colorizer(model, max_pixels=MAX_PIXELS, quality=quality, spread=spread, form=form)

    if question:
        return functools.partial(attempt, functools.partial(question.answer, colorizer), writer)

    def colorize(data: bytes) -> bytes:
        return colorizer.colorize(colorizer.open(data), options).file

    return functools.partial(attempt, colorize, writer)
