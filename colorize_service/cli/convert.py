"""``colorize PHOTO…``."""

import functools
import gc
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from pathlib import Path

import click

from colorize_service import __version__
from colorize_service.cli.files import Writer
from colorize_service.cli.report import Outcome, Report
from colorize_service.cli.tasks import STDOUT, Task, plan
from colorize_service.cpus import available_cpus

INTERRUPTED = 130
CLOSELY = 2  # seconds

_HELP = """Give black-and-white photos their colours.

photo.jpg becomes photo-color.jpg beside it: the same photo, with its own size and detail, as a JPEG. A FOLDER stands
for the photos in it; "-" reads one photo from standard input and writes the result to standard output.

\b
  colorize photo.jpg                       photo-color.jpg
  colorize photo.jpg -o coloured.jpg       coloured.jpg
  colorize scans -o coloured --recursive   coloured/…/…-color.jpg, for all of scans
  colorize --hint 0.3,0.6,#208030 a.jpg    what is at that place is green
  colorize serve                           the HTTP service; see colorize serve --help

The names of the results go to standard output, progress and problems to standard error. A photo that cannot be
converted does not stop the others. Exit status: 0 all photos converted, 1 some were not, 2 wrong usage, 130
interrupted."""


class HintType(click.ParamType):
    """``x,y,#rrggbb`` -> (x, y, (red, green, blue)), x and y 0…1, the colour's parts 0…255."""

    name = "X,Y,#RRGGBB"
    _form = re.compile(r"(0?\.\d+|0|1|[01]\.\d*),(0?\.\d+|0|1|[01]\.\d*),#([0-9a-fA-F]{6})")

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        found = self._form.fullmatch(value.replace(" ", ""))
        if not found or max(float(found[1]), float(found[2])) > 1:
            self.fail(
                f"{value!r} is no hint: it takes x,y,#rrggbb, such as 0.5,0.25,#336699, x and y from 0 to 1 of "
                "the photo's width and height.",
                param,
                ctx,
            )
        return float(found[1]), float(found[2]), tuple(bytes.fromhex(found[3]))


class Interrupts:
    """From here on Ctrl-C and SIGTERM raise KeyboardInterrupt. One that follows closely upon another does nothing: it
    would interrupt what the first one has set going."""

    def __init__(self):
        self._last = -math.inf
        signal.signal(signal.SIGTERM, self._handle)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell has it ignored
            signal.signal(signal.SIGINT, self._handle)

    def _handle(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._last > CLOSELY:
            self._last = now
            raise KeyboardInterrupt

    @staticmethod
    def ignore() -> None:
        """There is nothing left to interrupt."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@click.command(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("paths", metavar="PHOTO|FOLDER...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="NAME.jpg|FOLDER",
    help="Where the result of one photo goes, or a folder for all results; a folder's tree is kept.",
)
@click.option("-r", "--recursive", is_flag=True, help="Take the photos in subfolders too.")
@click.option("-f", "--force", is_flag=True, help="Replace results that are there already.")
@click.option(
    "--hint",
    "hints",
    type=HintType(),
    multiple=True,
    help="The colour at a point of the photo, x and y from 0 to 1 from its top left corner. May be given "
    "several times.",
)
@click.option(
    "--saturation",
    type=click.FloatRange(0, 2),
    metavar="N",
    default=1,
    show_default=True,
    help="Strength of the colours.",
)
@click.option("--prompt", help="What the photo shows, for models that take a prompt.")
@click.option("--negative-prompt", help="What the result should not be like, for models that take a prompt.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="Another number gives other colours (diffusion models).",
)
@click.option("--steps", type=click.IntRange(1, 50), metavar="N", help="Steps of the sampler (diffusion models).")
@click.option(
    "--guidance-scale",
    type=click.FloatRange(1, 20),
    metavar="N",
    help="How closely to follow the prompt (diffusion models).",
)
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
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    metavar="N",
    default=96,
    show_default=True,
    help="JPEG quality of the results; from 96 on the encoder keeps the luminance most exactly.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Photos in work at a time.  [default: one for each CPU core]",
)
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON for each photo as it is done.")
@click.version_option(__version__, prog_name="colorize")
def convert(
    paths: tuple[str, ...],
    output: str | None,
    recursive: bool,
    force: bool,
    as_json: bool,
    jobs: int | None,
    **model: object,
) -> None:
    """Plan, load the model, convert, report. What it takes is in the options' help."""
    tasks = plan(paths, output, recursive)
    _check_standard_output(tasks, as_json)
    writer, report = Writer(force), Report(len(tasks), as_json)
    interrupts = Interrupts()
    try:
        jobs = min(jobs or available_cpus(), len(tasks))
        work = _work(writer, jobs, **model)
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
        if isinstance(reason, BrokenPipeError):  # nobody reads the results' names any more
            os._exit(1)
        report.summarize(interrupted=True)
        os._exit(INTERRUPTED)  # at once: the threads may be in the middle of a long run of the model
    report.summarize()
    sys.exit(0 if report.complete else 1)


def _check_standard_output(tasks: list[Task], as_json: bool) -> None:
    if tasks[0].result == STDOUT:
        if as_json:
            raise click.UsageError(
                "The result goes to standard output, where --json would write too; name a file with -o."
            )
        if sys.stdout.isatty():
            raise click.UsageError("The result would go to the terminal; redirect it, or name a file with -o.")


def _work(
    writer: Writer, jobs: int, *, bundle: Path | None, device: str, saturation: float, quality: int, **options: object
) -> Callable[[Task], Outcome]:
    """What does a task. What a model may be told is in ``options``."""
    # Only here, so that wrong usage and --help do not wait for NumPy and ONNX Runtime.
    from colorize_service.heap import keep_one_heap

    keep_one_heap()
    from colorize_service.cli.model import OptionNotTaken, load
    from colorize_service.inference.bundle import BundleError
    from colorize_service.inference.session import DeviceUnavailable

    given = {name: value for name, value in options.items() if value not in (None, ())}
    loader = ThreadPool(1)
    loading = loader.apply_async(load, (bundle, device, jobs, given))
    loader.close()
    from colorize_service.cli.photos import Colorizer, attempt  # brings Pillow, while the model is loaded

    try:
        colorizer = Colorizer(*loading.get(), saturation, quality, spread=jobs < available_cpus())
    except BundleError as error:
        raise click.BadParameter(str(error), param_hint="--bundle") from None
    except DeviceUnavailable as error:
        raise click.BadParameter(str(error), param_hint="--device") from None
    except OptionNotTaken as error:
        raise click.UsageError(str(error)) from None
    except Exception as error:
        raise click.ClickException(f"The model cannot be loaded: {type(error).__name__}: {error}") from None
    return functools.partial(attempt, colorizer, writer)
