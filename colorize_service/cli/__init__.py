"""The command line: ``colorize PHOTO…`` converts files, ``colorize serve`` starts the service. See docs/cli.md."""

import gc
import sys

from colorize_service.cli import streams


def main() -> None:
    """The entry point ``colorize``. A photo named ``serve`` has to be given as ``./serve``."""
    with streams.forgiving():
        if sys.argv[1:2] == ["serve"]:
            from colorize_service.cli.serve import serve

            serve(sys.argv[2:], prog_name="colorize serve")
        gc.disable()  # imports make no garbage worth collecting; `convert` enables it again
        from colorize_service.cli.convert import convert

        convert(prog_name="colorize")
