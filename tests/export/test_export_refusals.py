"""Broken inputs of the exporter: each ends with its exit code and one sentence, and leaves nothing behind."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from export.__main__ import main
from export.layout import CONTROL, TEXT, UNET
from tests.support.checkpoints import write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def refuse(tmp_path, capsys):
    """``refuse(checkpoint, …)`` exports, checks that nothing was written, and returns exit code and sentence."""

    def run(checkpoint: object, *options: str) -> tuple[int, str]:
        target = tmp_path / "out" / "bundle"
        code = main([str(checkpoint), "--out", str(target), *options])
        assert not target.parent.exists() or not list(target.parent.iterdir())
        sentence = capsys.readouterr().err.strip()
        assert sentence.endswith(".") or "python -c" in sentence, sentence
        assert "\n" not in sentence and "Traceback" not in sentence, sentence
        return code, sentence

    return run


def test_no_file(refuse, tmp_path):
    code, sentence = refuse(tmp_path / "none.ckpt")
    assert code == 3 and sentence == f"{tmp_path / 'none.ckpt'} does not exist."


@pytest.mark.parametrize("name", ["photo.ckpt", "photo.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x89PNG\r\n\x1a\n" + bytes(5000)])
def test_not_a_checkpoint(refuse, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    code, sentence = refuse(tmp_path / name)
    assert code == 3 and "is not a checkpoint" in sentence


def test_a_truncated_checkpoint(refuse, tiny_checkpoint, tmp_path):
    path = tmp_path / "half.safetensors"
    path.write_bytes(tiny_checkpoint.read_bytes()[:1_000_000])
    code, sentence = refuse(path)
    assert code == 3 and "is not a checkpoint" in sentence


def test_a_model_of_another_kind(refuse, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(3, 3)}, path)
    code, sentence = refuse(path)
    assert code == 3 and "is not a checkpoint of a ControlLDM" in sentence


def test_a_control_net_without_its_base(refuse, tiny_state, tmp_path):
    alone = {name.removeprefix(CONTROL): weight for name, weight in tiny_state.items() if name.startswith(CONTROL)}
    code, sentence = refuse(write(tmp_path / "control.safetensors", alone))
    assert code == 3 and "ControlNet without its base" in sentence and "--base" in sentence
    prefixed = {name: weight for name, weight in tiny_state.items() if name.startswith(CONTROL)}
    code, sentence = refuse(write(tmp_path / "prefixed.safetensors", prefixed))
    assert code == 3 and "it has no UNet and no VAE and no text encoder" in sentence


def test_missing_weights_are_named(refuse, tiny_state, tmp_path):
    names = [f"{UNET}middle_block.0.in_layers.2.weight", f"{TEXT}ln_final.bias"]
    less = {name: weight for name, weight in tiny_state.items() if name not in names}
    code, sentence = refuse(write(tmp_path / "less.safetensors", less))
    assert code == 3 and "misses 2 weights" in sentence and all(name in sentence for name in names)


def test_a_weight_that_tells_a_size_is_named_too(refuse, tiny_state, tmp_path):
    name = f"{CONTROL}input_hint_block.0.weight"
    less = {key: weight for key, weight in tiny_state.items() if key != name}
    code, sentence = refuse(write(tmp_path / "less.safetensors", less))
    assert code == 3 and f"misses the weight '{name}'" in sentence


def test_a_weight_of_another_shape(refuse, tiny_state, tmp_path):
    name = f"{UNET}out.2.weight"
    code, sentence = refuse(write(tmp_path / "odd.safetensors", tiny_state | {name: torch.zeros(4, 32, 3, 3)}))
    assert code == 3 and name in sentence and "(4, 64, 3, 3)" in sentence


def test_wrong_hint_channels(refuse, tiny_checkpoint):
    code, sentence = refuse(tiny_checkpoint, "--hint-channels", "3")
    assert code == 3 and "takes 5 hint channels, not 3" in sentence


def test_another_sha256(refuse, tiny_checkpoint):
    code, sentence = refuse(tiny_checkpoint, "--sha256", "0" * 64)
    assert code == 3 and f"not {'0' * 64}" in sentence


class Touch:
    """What a pickle does when it is loaded with its code."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_with_code_is_not_run(refuse, tmp_path, tiny_state):
    torch.save({"state_dict": tiny_state, "callbacks": Touch(tmp_path / "ran")}, tmp_path / "code.ckpt")
    code, sentence = refuse(tmp_path / "code.ckpt")
    assert code == 3 and "running its code is refused" in sentence and "save_file" in sentence
    assert not (tmp_path / "ran").exists()


def test_a_folder_alone(refuse, tmp_path):
    code, sentence = refuse(tmp_path)
    assert code == 3 and "--base" in sentence


def test_a_full_disk(refuse, tiny_checkpoint):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        code, sentence = refuse(tiny_checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 5 and "the disk is full" in sentence


def test_weights_that_float16_cannot_hold_fail_the_verification(refuse, tiny_state, tmp_path):
    name = f"{CONTROL}input_hint_block.0.bias"
    path = write(tmp_path / "large.safetensors", tiny_state | {name: torch.full((16,), 1e6)})
    code, sentence = refuse(path, "--precision", "fp16")
    assert code == 4 and "hint_encoder.onnx" in sentence


# As `python -m export`; the hub's library asks five times more, and would wait for 23 seconds between.
IMPATIENT = "import runpy, time; time.sleep = lambda _: None; runpy.run_module('export', run_name='__main__')"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", IMPATIENT, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_no_network_for_a_hub_id(tmp_path):
    """Port 9 of this machine, where nobody answers, stands for the hub."""
    done = run(
        "rsortino/ColorizeNet",
        "--out",
        str(tmp_path / "out"),
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 6 and "the hub cannot be reached" in done.stderr and done.stderr.count("\n") == 1


def test_a_hub_id_in_the_cache_is_held_against_its_sha256(tmp_path, tiny_checkpoint):
    repository = tmp_path / "cache" / "hub" / "models--someone--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "tiny.safetensors").symlink_to(tiny_checkpoint)
    done = run(
        "someone/tiny/tiny.safetensors",
        "--sha256",
        "1" * 64,
        "--out",
        str(tmp_path / "out"),
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 6 and f"not {'1' * 64}" in done.stderr and done.stderr.count("\n") == 1
