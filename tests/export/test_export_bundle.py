"""``python -m export`` from a checkpoint of all of the model's blocks to a bundle, and what a killed run leaves."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from diffusers import DDIMScheduler

from export import hub
from export.__main__ import main
from export.checkpoint import Checkpoint
from tests.support.checkpoints import SMALL

ROOT = Path(__file__).resolve().parents[2]
SAID = {"name": "Mine", "version": "2", "licence": "CC0-1.0"}
PLAIN = {"denoiser", "decoder", "hint_encoder", "text_encoder"}


def manifest(bundle: Path) -> dict:
    return json.loads((bundle / "manifest.json").read_text())


def test_the_manifest_tells_what_the_weights_told(colorizenet_bundle):
    written = manifest(colorizenet_bundle)
    assert (written["format"], written["kind"], written["precision"]) == (1, "colorizenet", "fp32")
    assert written["processing"] == {"width": 64, "height": 64, "multiple_of": 64}
    assert written["diffusion"]["hint_channels"] == SMALL.hint_channels
    assert written["source"].startswith("small.safetensors, sha256 ")


def test_weights_of_any_origin_are_not_given_the_published_models_name_or_licence(colorizenet_bundle):
    written = manifest(colorizenet_bundle)
    assert (written["name"], written["version"]) == ("small", "unknown")
    assert written["licence"] == "not recorded; the author of the weights has set it"


def test_the_published_checkpoint_is_known_by_its_sha256_whatever_its_file_is_called():
    (repository, known), *_ = hub.KNOWN.items()
    origin = hub.origin_of(Path("download (1).ckpt"), known.sha256)
    assert (repository, origin.name, origin.version) == ("rsortino/ColorizeNet", "ColorizeNet", "sd21")
    assert origin.source == f"rsortino/ColorizeNet, sha256 {known.sha256}"
    assert origin.licence == "CreativeML Open RAIL++-M"
    assert hub.origin_of(Path(known.file), "0" * 64).licence != origin.licence


def test_the_manifest_lists_every_file_as_it_is(colorizenet_bundle):
    files = manifest(colorizenet_bundle)["files"]
    assert set(files) == PLAIN | {"tokenizer", "prompts"}
    assert {file["path"] for file in files.values()} | {"manifest.json"} == set(os.listdir(colorizenet_bundle))
    for file in files.values():
        content = (colorizenet_bundle / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])


def test_the_default_prompts_are_stored_as_the_text_encoder_makes_them(colorizenet_bundle):
    tokens = np.zeros((2, 77), np.int64)
    tokens[0, :2] = 49406, 49407
    tokens[1, :6] = 49406, 28764, 1298, 589, 2867, 49407  # Colorize this image
    encoder = onnxruntime.InferenceSession(colorizenet_bundle / "text_encoder.onnx")
    (context,) = encoder.run(["context"], {"tokens": tokens})
    np.testing.assert_allclose(np.load(colorizenet_bundle / "prompts.npy"), context, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def fused_bundle(tiny_checkpoint, tmp_path_factory):
    """A bundle in float16 with the variant for CUDA, of which the command says what SAID has."""
    target = tmp_path_factory.mktemp("fused") / "bundle"
    options = [part for name, value in SAID.items() for part in (f"--{name}", value)]
    assert main([str(tiny_checkpoint), "--out", str(target), "--size", "64", *options]) == 0
    return target


def test_the_manifest_says_of_the_weights_what_the_command_says(fused_bundle):
    assert SAID.items() <= manifest(fused_bundle).items()


def test_the_variant_for_cuda_has_its_fusions(fused_bundle):
    assert set(manifest(fused_bundle)["files"]) == PLAIN | {"denoiser.cuda", "decoder.cuda", "tokenizer", "prompts"}
    operators = [node.op_type for node in onnx.load(fused_bundle / "denoiser.cuda.onnx").graph.node]
    for fused in (
        "GroupNorm",
        "SkipGroupNorm",
        "NhwcConv",
        "SkipLayerNormalization",
        "BiasSplitGelu",
        "MultiHeadAttention",
    ):
        assert fused in operators
    assert not {"Conv", "InstanceNormalization", "Softmax"} & set(operators)


def test_float16_halves_the_bundle_and_computes_in_float32_where_every_provider_can(fused_bundle):
    model = onnx.load(fused_bundle / "denoiser.onnx")
    weights = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) > 1}
    assert weights == {onnx.TensorProto.FLOAT16}
    session = onnxruntime.InferenceSession(fused_bundle / "denoiser.onnx")
    assert {value.name: value.type for value in session.get_inputs()} == {
        "state": "tensor(float)",
        "step": "tensor(float)",
        "hint_features": "tensor(float16)",
        "context": "tensor(float16)",
    }
    assert [value.type for value in session.get_outputs()] == ["tensor(float)"]


def test_two_folders_of_diffusers_give_the_same_bundle_as_the_checkpoint(tiny_checkpoint, tmp_path):
    checkpoint, base = Checkpoint(tiny_checkpoint), tmp_path / "base"
    checkpoint.unet().save_pretrained(base / "unet")
    checkpoint.text().save_pretrained(base / "text_encoder")
    vae = checkpoint.vae()
    vae.save_pretrained(base / "vae")
    checkpoint.control().save_pretrained(tmp_path / "control")
    DDIMScheduler(prediction_type="v_prediction").save_pretrained(base / "scheduler")
    options = ["--precision", "fp32", "--variant", "plain", "--size", "64"]
    assert main([str(tmp_path / "control"), "--base", str(base), "--out", str(tmp_path / "folders"), *options]) == 0
    assert main([str(tiny_checkpoint), "--out", str(tmp_path / "file"), *options]) == 0
    written = manifest(tmp_path / "folders")
    assert written["diffusion"]["prediction_type"] == "v_prediction"
    assert (written["source"], written["name"]) == ("base and control, by diffusers", "control")
    for name in ("denoiser", "decoder", "hint_encoder", "text_encoder"):
        folders, file = ((tmp_path / kind / f"{name}.onnx").read_bytes() for kind in ("folders", "file"))
        assert folders == file


def test_a_folder_that_exists_is_not_replaced_unasked(tiny_checkpoint, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    assert main([str(tiny_checkpoint), "--out", str(tmp_path / "photos")]) == 3
    assert "exists already" in capsys.readouterr().err and list(tmp_path.iterdir()) == [tmp_path / "photos"]


def test_a_killed_run_leaves_no_bundle_and_the_next_removes_what_it_left(tiny_checkpoint, tmp_path):
    command = [
        sys.executable,
        "-m",
        "export",
        str(tiny_checkpoint),
        "--out",
        str(tmp_path / "bundle"),
        "--variant",
        "plain",
        "--size",
        "64",
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    left = tmp_path / ".bundle.partial" / "hint_encoder.onnx"
    while not left.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left.exists() and not (tmp_path / "bundle").exists()
    assert main(command[3:]) == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "bundle"]
