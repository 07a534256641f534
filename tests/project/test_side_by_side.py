"""Tests run side by side, but not those that the others would disturb."""

from tests.support.needs import TIMED
from tests.support.service import ROOT
from tests.support.side_by_side import turn


def test_what_holds_times_against_limits_comes_last_and_what_needs_torch_first():
    turns = {path.name: turn(path) for path in (ROOT / "tests").glob("*/**/test_*.py")}
    assert {name for name, when in turns.items() if when == 2} == TIMED
    assert turns["test_export_bundle.py"] == 0 and turns["test_page.py"] == turns["test_storage.py"] == 1
