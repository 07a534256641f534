"""Which tests run side by side where pytest-xdist runs them, as `make check` and `make test` do."""

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.needs import markers_of_path


def turn(path: Path) -> int:
    """When a file's tests have their turn: 0 first, 2 last.

    All that need torch begin, one after another in one process, which imports it and makes a bundle once. Those that
    hold a client's time against a limit come last, in one process too, when the other has little left to do.
    """
    markers = markers_of_path(path)
    return 2 if "timed" in markers else 0 if "torch" in markers else 1


class SideBySide(LoadScopeScheduling):
    """Hands whole files to whichever process is free, in the order of :func:`turn`."""

    def __init__(self, config: pytest.Config, log):
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._root = config.rootpath

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return {0: "first", 1: path, 2: "last"}[turn(self._root / path)]
