"""The command line: wrong usage is said before any work begins."""

import json
import shutil
from pathlib import Path

import pytest

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Manifest
from tests.support.command import names


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["photo.jpg", "--force", "--skip-existing"], "give one of the two"),
        (["photo.jpg", "-o", "photo.jpg", "--force"], "replaced by its own result"),
        (["photo.jpg", "sub", "-o", "one.jpg"], "one file"),
        (["sub", "-o", "one.jpg"], "one file"),
        (["photo.jpg", "-o", "one.heic"], "results are JPEG, PNG, TIFF or WebP files"),
        (["photo.jpg", "-o", "notes"], "results are JPEG, PNG, TIFF or WebP files"),
        (["photo.jpg", "-o", "one.png", "--format", "tiff"], "one.png names a png file, and --format asks for tiff"),
        (["photo.jpg", "-o", "one.jpg", "--layer"], "one.jpg names a jpeg file, and --layer writes PNG"),
        (["photo.jpg", "--layer", "--format", "webp"], "--layer writes PNG"),
        (["photo.jpg", "--format", "gif"], "'gif' is not one of"),
        (["-", "photo.jpg"], "stands alone"),
        (["photo.jpg", "-o", "-", "--json"], "--json"),
        (["-", "-o", "sub"], "needs a file"),
        (["photo.jpg", "--hint", "0.5,0.5"], "'0.5,0.5' is no hint"),
        (["photo.jpg", "--hint", "2,0,#ffffff"], "no hint"),
        (["photo.jpg", "--saturation", "3"], "0<=x<=2"),
        (["photo.jpg", "--jobs", "0"], "x>=1"),
        (["photo.jpg", "--bundle", "sub"], "sub/manifest.json cannot be read"),
        (["photo.jpg", "--prompt", "a cat"], "ColorizeNet-Lite takes no prompt"),
        (["photo.jpg", "--suggest", "0.5"], "'0.5' is no place"),
        (["photo.jpg", "--suggest", "0.5,1.5"], "no place"),
        (["photo.jpg", "photo.png", "--suggest", "0.5,0.5"], "one photo"),
        (["sub", "--suggest", "0.5,0.5"], "one photo"),
        (["photo.jpg", "--suggest", "0.5,0.5", "-o", "one.jpg"], "--output has no meaning beside it"),
        (["photo.jpg", "--suggest", "0.5,0.5", "--hint", "0,0,#ffffff"], "--hint has no meaning beside it"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_said_before_any_work_begins(colorize, tmp_path, photo, gray_jpeg, arguments, says):
    (tmp_path / "sub").mkdir()
    for name in ("photo.png", "sub/photo.jpg", "notes"):
        (tmp_path / name).write_bytes(gray_jpeg)
    before = names(tmp_path)
    done = colorize(*arguments)
    assert done.returncode == 2 and says in " ".join(done.stderr.split())
    assert names(tmp_path) == before


def _not_its_manifests(bundle: Path) -> None:
    (bundle / "lite.onnx").write_bytes(b"another model")


def _newer(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))


def _no_graph(bundle: Path) -> None:
    (bundle / "lite.onnx").write_bytes(b"no graph")
    manifest = Manifest.read(bundle)
    manifest.write(bundle, {"model": "lite.onnx"})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_not_its_manifests, "lite.onnx has 13 bytes"),
        (_newer, "is a bundle of format 2"),
        (_no_graph, "The model cannot be loaded"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_wrong_usage_and_nothing_is_done(colorize, photo, tmp_path, damage, says):
    bundle = tmp_path / "bundle"
    shutil.copytree(EMBEDDED_BUNDLE, bundle)
    damage(bundle)
    before = names(tmp_path)
    done = colorize("photo.jpg", "--bundle", "bundle")
    assert (done.returncode, done.stdout) == (2, "") and says in " ".join(done.stderr.split())
    assert names(tmp_path) == before
