"""Colorize: a program and a service that give black-and-white photos their colours."""

from pathlib import Path

__version__ = "1.0.0"

EMBEDDED_BUNDLE = Path(__file__).parent / "models" / "colorizenet-lite"
