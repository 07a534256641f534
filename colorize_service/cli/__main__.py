"""``python -m colorize_service.cli``: the same as ``colorize``."""

from colorize_service.cli import main

main()
