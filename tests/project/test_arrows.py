"""import-linter's contracts in pyproject.toml: that they stop what they are there to stop."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT

# Who imports whom against the arrows, and how: also late, and a package that is not installed.
FORBIDDEN = [
    ("colorize_service.colorizer", "colorize_service.server.settings", "from {} import Settings"),
    ("colorize_service.process", "colorize_service.cli.files", "def late():\n    from {} import Writer"),
    ("colorize_service.options", "colorize_service.colour", "import {}"),
    ("colorize_service.imaging.jpeg", "colorize_service.inference.turn", "from {} import Turn"),
    ("colorize_service.imaging.chroma", "colorize_service.options", "from {} import Options"),
    ("colorize_service.cli.photos", "flask", "def late():\n    import {}"),
    ("colorize_service.inference.lite", "click", "import {}"),
    ("colorize_service.inference.model", "torch", "def late():\n    import {}"),
    ("colorize_service.bundle", "export.errors", "from {} import ExportError"),
    ("colorize_service.server.api.files", "colorize_service.server.web", "import {}"),
    ("colorize_service.server.storage.folder", "werkzeug", "import {}"),
    ("colorize_service.server.app", "obstore", "def late():\n    import {}"),
    ("colorize_service.server.engines.local", "celery", "def late():\n    import {}"),
    ("colorize_service.server.api.health", "colorize_service.server.fleet.board", "from {} import Board"),
    ("export.hub", "colorize_service.imaging", "from {} import open_photo"),
    ("training.shipped", "colorize_service.server.engines.local", "from {} import LocalEngine"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> tuple[str, str]:
    """What the linter says about a copy of the project, and about the same with all the imports that are forbidden."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ["colorize_service", "export", "training", "benchmarks"]:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "models", "static"))
    before = lint(folder)
    for importer, imported, statement in FORBIDDEN:
        with open(folder / f"{importer.replace('.', '/')}.py", "a") as file:
            file.write(f"\n{statement.format(imported)}\n")
    after = lint(folder)
    assert (before.returncode, after.returncode) == (0, 1), before.stdout + after.stdout
    return before.stdout, after.stdout


def test_the_rooms_import_only_what_they_may(reports):
    assert " 0 broken." in reports[0]


@pytest.mark.parametrize(("importer", "imported"), [row[:2] for row in FORBIDDEN])
def test_an_import_against_the_arrows_is_noticed(reports, importer, imported):
    assert f"{importer} -> {imported} (l." in reports[1], reports[1]


def test_each_contract_is_one_that_can_be_broken(reports):
    assert " 0 kept, 13 broken." in reports[1], reports[1]
