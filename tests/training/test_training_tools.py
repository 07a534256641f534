"""What judges a model: settings weighed, a contact sheet, and where hints stray to."""

import io
import json
import re
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from colorize_service import EMBEDDED_BUNDLE
from tests.support.training import undisturbed
from training import calibrate, checkpoints, contact_sheet, evaluate, faces, released, stray
from training.batches import make_batch
from training.contact_sheet import CELL, GAP
from training.network import ColorizeNetLite
from training.photos import CropSampler, validation_photos
from training.shipped import Shipped, resized

# As docs/model-card.md has it.
VIVIDNESS, CAST = 1.17, 0.1


@pytest.fixture(scope="module")
def embedded(photos, tmp_path_factory):
    """The embedded model as a checkpoint."""
    model = ColorizeNetLite("efficientnet-lite0")
    sampler = CropSampler(validation_photos(photos, "val-diverse"), 0)
    released.restore(model, EMBEDDED_BUNDLE, [make_batch(sampler, np.random.default_rng(0), 1)])
    path = tmp_path_factory.mktemp("checkpoint") / "embedded.pt"
    prior = torch.full((259,), 1 / 259, dtype=torch.float64)
    checkpoints.save(path, {"encoder": "efficientnet-lite0", "prior": prior, "average": model.state_dict()})
    return path


def luma_of(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"), np.float32)


def rows(printed, columns):
    """The table's rows of numbers."""
    cells = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|")]
    return [[float(cell) for cell in row] for row in cells if len(row) == columns and re.match(r"^[\d.]+$", row[1])]


def test_the_settings_that_shipped_are_found_again(photos, embedded, capsys):
    model = Shipped(EMBEDDED_BUNDLE)
    chosen = validation_photos(photos, "val-diverse", "choose")
    psnr, _, error, _, colourful, _ = evaluate.measure(chosen, {"it": model}, hints=0)["it"].mean(axis=0)
    command = ["--checkpoint", str(embedded), "--photos", str(photos), "--temperatures", "0.38", "--rebalance", "0"]
    with undisturbed():
        calibrate.main([*command, "--cast", str(CAST), "--colourfulness", str(colourful), "--threads", "1"])
    ((*_, vividness, found_psnr, found_error, _, found_colourful),) = rows(capsys.readouterr().out, 9)
    assert vividness == pytest.approx(VIVIDNESS, abs=0.03)
    assert (found_psnr, found_error) == pytest.approx((psnr, error), abs=0.1)
    assert found_colourful == pytest.approx(colourful, abs=0.5)


def test_the_contact_sheet_shows_gray_result_and_photo_side_by_side(photos, tmp_path, capsys):
    path = tmp_path / "sheet.png"
    command = ["--photos", str(photos), "--split", "val-diverse", "--bundle", str(EMBEDDED_BUNDLE), "--out", str(path)]
    contact_sheet.main([*command, "--count", "3", "--columns", "2"])
    printed = capsys.readouterr().out
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (2 * CELL + GAP, 2 * 3 * (CELL + GAP) - GAP, 3)
    names = printed.split("MB: ")[1].strip().split(", ")
    by_name = {photo.name: photo for photo in validation_photos(photos, "val-diverse")}
    assert sorted(names) == sorted(by_name)
    for i, name in enumerate(names):
        top, left = i // 2 * (CELL + GAP), i % 2 * 3 * (CELL + GAP)
        cells = [sheet[top : top + CELL, left + j * CELL :][:, :CELL] for j in range(3)]
        gray, result, photo = (np.hypot(*evaluate.chroma_of(cell)).mean() for cell in cells)
        assert gray < 0.1 and result > 3 and photo > 3
        assert np.abs(luma_of(cells[1]) - luma_of(cells[0])).mean() < 2
        rgb = by_name[name].rgb
        width, height = CELL, round(CELL * rgb.shape[0] / rgb.shape[1])
        middle = cells[2][(CELL - height) // 2 :][:height]
        assert np.abs(middle.astype(int) - resized(rgb, width, height)).mean() < 4


def test_the_worst_photos_of_a_contact_sheet_are_those_with_the_largest_error(photos):
    model, all_of_them = Shipped(EMBEDDED_BUNDLE), list(validation_photos(photos, "val-diverse"))

    def error(photo):
        made, true = (evaluate.chroma_of(resized(rgb, 256, 256)) for rgb in (model.colorize(photo.data), photo.rgb))
        return np.hypot(*(made - true)).mean()

    found = contact_sheet.worst(all_of_them, 2, model)
    assert [photo.name for photo in found] == [photo.name for photo in sorted(all_of_them, key=error)[:-3:-1]]


def test_faces_are_told_apart_by_their_lightness_and_compared_in_their_middle(capsys, tmp_path):
    with tarfile.open(tmp_path / "val.tar", "w") as tar:
        for number, level in enumerate((60, 200, 130)):
            rgb = np.full((64, 64, 3), (255, 0, 0), np.uint8)  # what is around a face counts for nothing
            rgb[20:52, 16:48] = (min(255, level + 40), level, level - 20)
            file = io.BytesIO()
            Image.fromarray(rgb).save(file, "JPEG", quality=95, subsampling=0)
            member = tarfile.TarInfo(f"faces-{number}.jpg")
            member.size = len(file.getvalue())
            tar.addfile(member, io.BytesIO(file.getvalue()))
    faces.main(["--photos", str(tmp_path), "--bundle", str(EMBEDDED_BUNDLE)])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["| dark", "| middle", "| light"]
    lightness = [int(row[2]) for row in rows]
    assert lightness == sorted(lightness) and lightness[0] < 45 and lightness[2] > 75
    for row in rows:
        a, b = map(float, row[3].split(", "))
        assert 5 < a < 25 and 5 < b < 25 and float(row[5]) == pytest.approx(np.hypot(a, b), abs=0.3)


def stray_figures(capsys, *arguments: str) -> tuple[float, ...]:
    """Change on the surface, share of it reached, change elsewhere, share visible there."""
    stray.main([*arguments, "--bundle", str(EMBEDDED_BUNDLE)])
    row = r"\| ([\d.]+) \| (\d+) % \| ([\d.]+) \| ([\d.]+) % \|$"
    return tuple(float(each) for each in re.search(row, capsys.readouterr().out.strip()).groups())


def test_a_hint_changes_its_surface_more_than_the_rest(photos, capsys):
    on, reached, off, visible = stray_figures(capsys, "--photos", str(photos), "--split", "val-diverse")
    assert on > 1.5 * off > 0
    assert 0 < reached <= 100 and 0 <= visible <= 100


def test_a_drawn_surface_is_taken_as_it_was_drawn(tmp_path, monkeypatch, capsys):
    drawing = Image.new("L", (160, 240), 190)
    drawing.paste(90, (40, 60, 120, 180))
    photo = io.BytesIO()
    drawing.convert("RGB").save(photo, "PNG")
    with tarfile.open(tmp_path / "val.tar", "w") as archive:
        member = tarfile.TarInfo("drawn-0.png")
        member.size = photo.tell()
        archive.addfile(member, io.BytesIO(photo.getvalue()))
    outline = [[25, 25], [75, 25], [75, 75], [25, 75]]
    surfaces = tmp_path / "surfaces.json"
    surfaces.write_text(json.dumps({"drawn-0.png": {"coat": [outline]}}))
    monkeypatch.setattr(stray, "DRAWN", surfaces)
    on, reached, off, visible = stray_figures(capsys, "--photos", str(tmp_path))
    assert on > 20 and reached > 85
    assert off < 2 and visible < 3
