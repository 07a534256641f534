"""The command line: ``colorize PHOTO…`` converts files, ``colorize serve`` starts the service, ``colorize worker`` a
worker of a fleet, ``colorize clean`` deletes pictures whose time is over. See docs/cli.md."""

import gc
import sys

from colorize_service.cli import streams


def main() -> None:
    """The entry point ``colorize``. A photo named as a command is has to be given as ``./serve``, for example."""
    with streams.forgiving():
        if sys.argv[1:2] == ["serve"]:
            from colorize_service.cli.serve import serve

            serve(sys.argv[2:], prog_name="colorize serve")
        if sys.argv[1:2] == ["clean"]:
            from colorize_service.cli.clean import clean

            clean(sys.argv[2:], prog_name="colorize clean")
        if sys.argv[1:2] == ["worker"]:
            from colorize_service.cli.worker import worker

            worker(sys.argv[2:], prog_name="colorize worker")
        gc.disable()  # imports make no garbage worth collecting; `convert` enables it again
        from colorize_service.cli.convert import convert

        convert(prog_name="colorize")
