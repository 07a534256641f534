"""What docs/api.md tells clients about the options is what holds."""

import re

import pytest

from colorize_service.options import MOST_HINTS, OPTIONS
from tests.support.service import ROOT

DOCUMENT = (ROOT / "docs/api.md").read_text()
NUMBERS = [name for name, option in OPTIONS.items() if option.kind in (int, float)]


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_from_the_documented_least_to_the_documented_most_is_taken(name):
    least, most = re.search(
        rf"^\| `{name}` \| a (?:whole )?number from (\S+) to ([\d.]+)", DOCUMENT, re.MULTILINE
    ).groups()
    assert (OPTIONS[name].least, OPTIONS[name].most) == (float(least), float(most))


@pytest.mark.parametrize("name", [name for name in NUMBERS if OPTIONS[name].for_every_model])
def test_an_option_that_is_left_out_has_its_documented_default(name):
    (default,) = re.search(rf"^\| `{name}` .*\| `(\S+)` \|$", DOCUMENT, re.MULTILINE).groups()
    assert OPTIONS[name].default == float(default)


def test_as_many_hints_are_taken_as_documented():
    assert f"a JSON list of at most {MOST_HINTS} points" in DOCUMENT
