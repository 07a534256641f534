"""Training as the model card has it, on a few small photos: train, go on, write the bundle, measure it."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch

from colorize_service.bundle import Bundle
from colorize_service.inference.model import Setup, load_folder
from tests.support.service import ROOT
from tests.support.training import QUICK, train_on
from training import checkpoints, evaluate, export


def test_a_resumed_training_goes_on_where_it_stopped(trained):
    last = checkpoints.load(trained / "last.pt")
    assert last["step"] == 3
    steps = {int(state["step"]) for state in last["optimizer"]["state"].values()}
    assert steps == {3}


def test_a_step_that_was_to_be_kept_can_be_released_later(trained):
    assert [path.name for path in trained.glob("step-*.pt")] == ["step-2.pt"]
    assert export.load_model(checkpoints.soup([trained / "step-2.pt", trained / "last.pt"])).bins.shape == (259, 2)


def test_training_that_is_told_to_stop_keeps_what_it_has_learned(photos, tmp_path):
    command = [sys.executable, "-u", "-m", "training.train", "--photos", photos, "--out", tmp_path, *QUICK]
    with subprocess.Popen([*command, "--steps", "100000"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert "from step 0 to 100000" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert checkpoints.load(tmp_path / "last.pt")["step"] < 1000


def test_training_begins_with_the_weights_that_it_is_given(photos, trained, tmp_path):
    train_on(photos, tmp_path, "--steps", "0", "--init", str(trained / "last.pt"))
    given, taken = (checkpoints.load(folder / "last.pt")["average"] for folder in (trained, tmp_path))
    assert all(torch.equal(given[name], taken[name]) for name in given)


def test_a_larger_encoder_trains_and_goes_on_by_itself(photos, tmp_path):
    train_on(photos, tmp_path, "--encoder", "efficientnet-lite2", "--steps", "1")
    train_on(photos, tmp_path, "--resume", "--steps", "2")
    last = checkpoints.load(tmp_path / "last.pt")
    assert (last["encoder"], last["step"]) == ("efficientnet-lite2", 2)
    assert checkpoints.network(last).encoder.channels[-1] == 352


def test_training_without_photos_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no train-\*\.tar or diverse-\*\.tar in"):
        train_on(tmp_path, tmp_path / "run", "--steps", "1")


def test_the_exported_graph_gives_what_the_network_gives(checkpoint, bundle):
    network = export.load_model(checkpoints.soup([checkpoint]))
    differences = dict(export.compare(network, bundle / export.NAME))
    # The graph's weights are rounded to float16, and chroma goes to +-100.
    assert len(differences) == 2 * len(export.SHAPES) and max(differences.values()) < 2


def test_likely_colours_can_be_read_off_the_graph(checkpoint, bundle):
    network = export.load_model(checkpoints.soup([checkpoint]))
    session = onnxruntime.InferenceSession(bundle / export.NAME, providers=["CPUExecutionProvider"])
    luminance = np.random.default_rng(0).uniform(0, 100, (2, 1, 64, 96)).astype(np.float32)
    hints = np.zeros((2, 3, 64, 96), np.float32)
    ab, logits = session.run(["ab", "logits"], {"luminance": luminance, "hints": hints})
    bins = np.array(json.loads(session.get_modelmeta().custom_metadata_map["bins"]))
    assert logits.shape == (2, len(bins), 16, 24) and bins.shape == (259, 2)
    chances = np.exp(logits / float(network.temperature))
    chances /= chances.sum(axis=1, keepdims=True)
    # This network has no vividness and takes no cast away, so that the mean over the bins is the chroma.
    assert np.einsum("nqhw,qc->nchw", chances, bins) == pytest.approx(ab, abs=0.01)


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
