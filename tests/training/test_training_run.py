"""Training as the model card has it, on a few small photos: train, go on, write the bundle, measure it."""

import io
import json
import re
import signal
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from colorize_service.bundle import Bundle
from colorize_service.inference.model import Setup, load_folder
from tests.support.service import ROOT
from training import checkpoints, evaluate, export, train

QUICK = ("--batch", "1", "--threads", "1", "--float32")


def tar_of_photos(path, seed, count=4):
    rng = np.random.default_rng(seed)
    with tarfile.open(path, "w") as tar:
        for i in range(count):
            rgb = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((96, 72))
            file = io.BytesIO()
            rgb.save(file, "JPEG")
            member = tarfile.TarInfo(f"{('sea', 'wood')[i % 2]}-{i}.jpg")
            member.size = file.tell()
            file.seek(0)
            tar.addfile(member, file)


@pytest.fixture(scope="module", autouse=True)
def restored():
    """Training takes SIGTERM and the threads for itself; the other tests get them back."""
    before, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    yield
    signal.signal(signal.SIGTERM, before)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    tar_of_photos(folder / "train-00.tar", seed=0)
    tar_of_photos(folder / "val.tar", seed=1)
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A folder with the checkpoint of three steps, the last of which was made in a second start."""
    out = tmp_path_factory.mktemp("run")
    start = ["--photos", str(photos), "--out", str(out), *QUICK]
    train.main([*start, "--steps", "2"])
    train.main([*start, "--steps", "3", "--resume"])
    return out


@pytest.fixture(scope="module")
def bundle(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle")
    export.main(["--checkpoint", str(trained / "last.pt"), "--out", str(out), "--version", "9.9.9"])
    return out


def test_a_resumed_training_goes_on_where_it_stopped(trained):
    last = checkpoints.load(trained / "last.pt")
    assert last["step"] == 3
    steps = {int(state["step"]) for state in last["optimizer"]["state"].values()}
    assert steps == {3}


def test_training_that_is_told_to_stop_keeps_what_it_has_learned(photos, tmp_path):
    command = [sys.executable, "-u", "-m", "training.train", "--photos", photos, "--out", tmp_path, *QUICK]
    with subprocess.Popen([*command, "--steps", "100000"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert "from step 0 to 100000" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert checkpoints.load(tmp_path / "last.pt")["step"] < 1000


def test_training_begins_with_the_weights_that_it_is_given(photos, trained, tmp_path):
    start = ["--photos", str(photos), "--out", str(tmp_path), *QUICK, "--steps", "0"]
    train.main([*start, "--init", str(trained / "last.pt")])
    given, taken = (checkpoints.load(folder / "last.pt")["average"] for folder in (trained, tmp_path))
    assert all(torch.equal(given[name], taken[name]) for name in given)


def test_a_larger_encoder_trains_and_goes_on_by_itself(photos, tmp_path):
    start = ["--photos", str(photos), "--out", str(tmp_path), *QUICK]
    train.main([*start, "--encoder", "efficientnet-lite2", "--steps", "1"])
    train.main([*start, "--resume", "--steps", "2"])
    last = checkpoints.load(tmp_path / "last.pt")
    assert (last["encoder"], last["step"]) == ("efficientnet-lite2", 2)
    assert checkpoints.network(last).encoder.channels[-1] == 352


def test_the_exported_graph_gives_what_the_network_gives(trained, bundle, capsys):
    network = export.load_model(checkpoints.soup([trained / "last.pt"]))
    differences = dict(export.compare(network, bundle / export.NAME))
    # The graph's weights are rounded to float16, and chroma goes to +-100.
    assert len(differences) == 2 * len(export.SHAPES) and max(differences.values()) < 2


def test_the_service_takes_the_bundle_that_was_trained(bundle):
    Bundle(bundle).verify()
    model = load_folder(bundle, Setup("cpu", 1))
    assert model.chroma(np.full((192, 256), 128, np.uint8)).shape == (48, 64, 2)
    written = json.loads((bundle / "manifest.json").read_text())
    assert written["version"] == "9.9.9"
    assert written["source"].startswith("Trained by this project from EfficientNet-Lite0 ")


def test_the_table_has_every_row_and_figure(photos, bundle, capsys):
    evaluate.main(["--photos", str(photos), "--bundle", str(bundle), "--hints", "3"])
    printed = capsys.readouterr().out
    for label in ("gray", "ColorizeNet-Lite 9.9.9", "ColorizeNet-Lite 9.9.9, 3 hints"):
        assert re.search(
            rf"^\| {label} \| [\d.]+ \| 0\.\d+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", printed, re.MULTILINE
        )
    assert "\nsea, 2 photos\n" in printed and "\nwood, 2 photos\n" in printed
