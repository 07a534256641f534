"""The exporter's errors, each with the exit code that ``python -m export`` ends with."""


class ExportError(Exception):
    """The export cannot go on; the message is one sentence for the person who started it."""

    exit_code = 1


class InputError(ExportError):
    """The checkpoint, or an option about it, cannot be used."""

    exit_code = 3


class VerificationError(ExportError):
    """A component differs from its torch module by more than its tolerance."""

    exit_code = 4


class DiskError(ExportError):
    """The bundle cannot be written."""

    exit_code = 5


class NetworkError(ExportError):
    """The hub cannot be reached, or what it sent is not what was asked for."""

    exit_code = 6
