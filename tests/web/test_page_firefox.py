"""The page in Firefox: what it asks of a browser is there, not only in Chromium."""

import json

import pytest

from tests.support import client_generators, needs
from tests.support.service import ROOT


@pytest.fixture(scope="module")
def seen(service):
    """What somebody has seen who has had a photo coloured, corrected a colour, and come back."""
    firefox = needs.program("firefox-esr", "firefox", package="firefox-esr")
    script = client_generators.HERE / "firefox.mjs"
    said = client_generators.run(client_generators.node(), script, firefox, service.url, ROOT / "examples/camera.jpg")
    return json.loads(said)


def test_a_photo_is_coloured_and_can_be_looked_at_closely(seen, service):
    assert seen["result"].startswith(f"{service.url}/results/") and seen["zoomed"]


def test_a_place_gets_likely_colours_and_can_be_dragged(seen):
    assert seen["likely"] >= 1 and seen["dragged"] and seen["markers"] == 1


def test_a_reload_loses_nothing(seen):
    kept = seen["kept"]
    assert kept["result"] != seen["result"] and (kept["markers"], kept["saturation"]) == (1, "200 %")


def test_the_browser_has_nothing_to_complain_of(seen):
    assert seen["messages"] == []
