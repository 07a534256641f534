"""Colorize: a service that gives black-and-white photos their colours."""

from pathlib import Path

__version__ = "1.0.0"

EMBEDDED_BUNDLE = Path(__file__).parent / "models" / "colorizenet-lite"


def __getattr__(name: str) -> object:
    """``create_app``, imported when it is asked for: the command line does without Flask, in half the time."""
    if name == "create_app":
        from colorize_service.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
