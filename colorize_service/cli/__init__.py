"""The command line: ``colorize PHOTO…`` converts files, ``colorize serve`` starts the service, ``colorize clean``
deletes its pictures whose time is over. See docs/cli.md."""

import gc
import sys

from colorize_service.cli import streams


def main() -> None:
    """The entry point ``colorize``. A photo named ``serve`` or ``clean`` has to be given as ``./serve``."""
    with streams.forgiving():
        if sys.argv[1:2] == ["serve"]:
            from colorize_service.cli.serve import serve

            serve(sys.argv[2:], prog_name="colorize serve")
        if sys.argv[1:2] == ["clean"]:
            from colorize_service.cli.clean import clean

            clean(sys.argv[2:], prog_name="colorize clean")
        gc.disable()  # imports make no garbage worth collecting; `convert` enables it again
        from colorize_service.cli.convert import convert

        convert(prog_name="colorize")
