"""A new kind of model is one class and one line in the registry."""

import io

import numpy as np
import pytest
from PIL import Image

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import BundleError, Manifest
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import KINDS, OptionNotTaken, Setup, check_taken, load_folder, model_class
from colorize_service.options import Hint, Options
from tests.conftest import encode
from tests.support.sepia import Sepia

TINT = (112, 146)


@pytest.fixture
def write(tmp_path):
    """Write a bundle of a kind, whose entries of the manifest may be others."""

    def make(kind: str, **entries: object):
        (tmp_path / "tint").write_bytes(bytes(TINT))
        described = {"processing": {"side": 64}} | entries
        manifest = Manifest(kind=kind, name="Old times", version="1", source="a test", licence="none", **described)
        manifest.write(tmp_path, {"tint": "tint"})
        return tmp_path

    return make


@pytest.fixture
def sepia(monkeypatch, write):
    """A model of the third kind, loaded as any other."""
    monkeypatch.setitem(KINDS, "sepia", "tests.support.sepia:Sepia")
    return load_folder(write("sepia"), Setup())


def shown(jpeg: bytes) -> np.ndarray:
    """Y, Cb and Cr as the file has them: (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("YCbCr"), int)


def test_it_is_found_by_its_kind_and_warmed_up(sepia):
    assert isinstance(sepia, Sepia) and sepia.warm
    assert model_class("sepia") is Sepia


@pytest.mark.parametrize("size", [(60, 40), (1601, 1311), (2901, 2893)])  # chroma in cells of 2, 4 and 8 pixels
def test_the_colorizer_gives_a_photo_of_any_size_its_colours(sepia, size):
    colorizer = Colorizer(sepia, max_pixels=10**7)
    photo = colorizer.open(encode(Image.new("L", size, 120), "PNG"))
    ycc = shown(colorizer.colorize(photo).file)
    assert ycc.shape == (size[1], size[0], 3)
    assert np.abs(ycc - (120, *TINT)).max() <= 2


def test_the_colorizer_hands_it_the_options_of_the_request(sepia):
    colorizer = Colorizer(sepia, max_pixels=10**6)
    photo = colorizer.open(encode(Image.new("L", (60, 40), 120), "PNG"))
    ycc = shown(colorizer.colorize(photo, Options(hints=(Hint(0.5, 0.5, (60, 60, 200), "similar"),))).file)
    assert ycc[..., 1].min() > 170


def test_an_option_that_it_does_not_take_is_refused_with_the_kinds_that_do(sepia):
    check_taken(sepia, ["hints"])
    with pytest.raises(OptionNotTaken) as refused:
        check_taken(sepia, ["hints", "prompt"])
    assert (refused.value.option, refused.value.model) == ("prompt", "Sepia")
    assert str(refused.value) == "The field prompt is for ColorizeNet; the model loaded here is Sepia."


def test_an_option_of_the_new_kind_is_said_to_be_for_it_too(sepia):
    class Other(Sepia):
        title, takes = "Other", ()

    with pytest.raises(OptionNotTaken, match=r"similar of a hint is for ColorizeNet-Lite and Sepia; .* is Other"):
        check_taken(object.__new__(Other), ["hints"])


def test_an_unknown_kind_is_refused_with_the_kinds_that_are_known(write):
    with pytest.raises(BundleError, match="of kind 'daguerreotype'; this version runs colorizenet, lite"):
        load_folder(write("daguerreotype"), Setup())


def test_a_manifest_that_does_not_suit_its_kind_is_refused(monkeypatch, write):
    monkeypatch.setitem(KINDS, "sepia", "tests.support.sepia:Sepia")
    with pytest.raises(BundleError, match=r"wrong: processing.*side"):
        load_folder(write("sepia", processing={"side": 0}), Setup())


def test_a_file_that_was_changed_is_refused(monkeypatch, write):
    monkeypatch.setitem(KINDS, "sepia", "tests.support.sepia:Sepia")
    folder = write("sepia")
    (folder / "tint").write_bytes(bytes(2))
    with pytest.raises(BundleError, match="tint is not the file its manifest lists"):
        load_folder(folder, Setup())


def test_a_bundle_need_not_be_warmed_up(monkeypatch, write):
    monkeypatch.setitem(KINDS, "sepia", "tests.support.sepia:Sepia")
    assert not load_folder(write("sepia"), Setup(), warm=False).warm


def test_every_kind_has_what_the_protocol_says():
    for kind in KINDS:
        found = model_class(kind)
        assert found.title and isinstance(found.takes, tuple) and isinstance(found.side_by_side, bool)
    assert load_folder(EMBEDDED_BUNDLE, Setup(), warm=False).device in ("cpu", "cuda")
