"""``colorize --suggest``: the likely colours of a place, for a person and for programs."""

import json
import os
import pty
import re
import subprocess

import pytest

from tests.support.command import COMMAND, ENVIRONMENT, names
from tests.support.linear_bundle import write_bundle
from tests.support.service import ROOT

pytestmark = pytest.mark.slow  # each starts the command, which loads the model

CAMERA = str(ROOT / "examples" / "camera.jpg")


def test_the_likely_colours_are_printed_with_their_shares_and_nothing_is_written(colorize, tmp_path):
    sky, lawn = (colorize("--suggest", place, CAMERA) for place in ("0.8,0.1", "0.8,0.9"))
    assert (sky.returncode, sky.stderr) == (0, "")
    lines = [re.fullmatch(r"#([0-9a-f]{6})  ([ \d]\d) %", line) for line in sky.stdout.splitlines()]
    assert 2 <= len(lines) <= 8 and all(lines)
    shares = [int(line[2]) for line in lines]
    assert shares == sorted(shares, reverse=True) and shares[0] > 40 and shares[-1] >= 2
    red, green, blue = bytes.fromhex(lines[0][1])
    assert blue > green > red
    red, green, blue = bytes.fromhex(lawn.stdout[1:7])
    assert green > red > blue
    assert names(tmp_path) == []


def test_programs_get_the_array_of_the_http_api_also_of_a_photo_from_standard_input(colorize):
    of_a_file = colorize("--suggest", "0.8, 0.9", "--json", CAMERA)
    with open(CAMERA, "rb") as photo:
        of_a_stream = colorize("--suggest", "0.8,0.9", "--json", "-", stdin=photo)
    assert of_a_file.stdout == of_a_stream.stdout
    colours = json.loads(of_a_file.stdout)
    assert all(set(each) == {"color", "share"} for each in colours) and 0 < sum(each["share"] for each in colours) <= 1


def test_a_likely_colour_can_be_taken_as_a_hint(colorize, tmp_path, photo):
    colour = colorize("--suggest", "0.4,0.3", "photo.jpg").stdout.split()[0]
    assert colorize("--hint", f"0.4,0.3,{colour}", "photo.jpg").returncode == 0
    assert (tmp_path / "photo-color.jpg").exists()


def test_a_photo_that_cannot_be_read_is_said_as_for_a_result(colorize, tmp_path, gray_jpeg):
    (tmp_path / "half.jpg").write_bytes(gray_jpeg[: len(gray_jpeg) // 2])
    for name in ("half.jpg", "missing.jpg"):
        asked, converted = colorize("--suggest", "0.5,0.5", name), colorize(name)
        assert (asked.returncode, asked.stdout) == (1, "")
        assert asked.stderr == converted.stderr and name in asked.stderr


def test_a_model_that_does_not_tell_likely_colours_is_wrong_usage(colorize, photo, tmp_path):
    write_bundle(tmp_path / "bundle")
    done = colorize("--suggest", "0.5,0.5", "photo.jpg", "--bundle", "bundle", "--device", "cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not tell which colours are likely. --bundle names another." in " ".join(done.stderr.split())


def test_a_terminal_that_can_show_the_colours_shows_them():
    ours, terminal = pty.openpty()
    environment = ENVIRONMENT | {"COLORTERM": "truecolor"}
    done = subprocess.run(
        [*COMMAND, "--suggest", "0.8,0.9", CAMERA], env=environment, stdout=terminal, timeout=60, check=False
    )
    os.close(terminal)
    with open(ours, "rb", buffering=0) as stream:
        first = stream.read(2000).decode().splitlines()[0]
    assert done.returncode == 0
    found = re.fullmatch(r"\x1b\[48;2;(\d+);(\d+);(\d+)m +\x1b\[0m #([0-9a-f]{6})  \d\d %", first)
    assert found and bytes(map(int, found.groups()[:3])).hex() == found[4]
