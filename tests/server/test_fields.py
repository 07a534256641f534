"""Optional fields of POST /colorize over HTTP: an earlier upload in the place of the photo, and stronger colours."""

import io

import numpy as np
import pytest
import requests
from PIL import Image

from colorize_service.server.storage.folder import FolderStorage
from tests.conftest import encode
from tests.support.http import NO_SUCH_ID, assert_error
from tests.support.results import photo_of


@pytest.fixture(scope="module")
def image_id(api, gray_jpeg) -> str:
    return api.post("/upload", gray_jpeg).json()["image_id"]


def picture(response: requests.Response) -> Image.Image:
    """The result that an answer links to."""
    assert response.status_code == 200, response.text
    content = requests.get(response.json()["download_url"], timeout=30).content
    return Image.open(io.BytesIO(content))


# --- image_id --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG"])
def test_a_colorized_upload_is_the_result_of_the_photo_itself_byte_for_byte(api, form):
    photo = encode(photo_of("coins", (150, 100)), form)
    upload = {"image_id": api.post("/upload", photo).json()["image_id"]}
    by_id, by_file = (
        requests.get(response.json()["download_url"], timeout=30).content
        for response in (api.post("/colorize", data=upload), api.post("/colorize", photo))
    )
    assert by_id == by_file


def test_an_upload_of_an_earlier_version_is_colorized_from_what_is_shown(serve, tmp_path, gray_jpeg):
    image_id = FolderStorage(tmp_path).put("uploads", gray_jpeg)
    service = serve(STORAGE_DIR=str(tmp_path), APP_CHECK="off")
    assert picture(requests.post(f"{service.url}/colorize", data={"image_id": image_id}, timeout=60)).size == (451, 300)


def test_what_was_sent_with_its_metadata_is_shown_to_nobody(api, image_id):
    assert api.get(f"/uploads/{image_id}.jpg").status_code == 200
    for path in (f"/originals/{image_id}", f"/originals/{image_id}.jpg", f"/uploads/{image_id}"):
        assert_error(api.get(path), 404)


def test_an_upload_in_a_multipart_form_works_as_well(api, image_id):
    form = {"image_id": (None, image_id)}
    response = requests.post(f"{api.url}/colorize", files=form, headers=api.headers, timeout=60)
    assert picture(response).size == (451, 300)


def test_an_upload_can_be_corrected_again_and_again(api, image_id):
    hint = '[{"x": 0.5, "y": 0.5, "color": "#2040d0"}]'
    plain, hinted = (
        picture(api.post("/colorize", data={"image_id": image_id} | form)).tobytes() for form in ({}, {"hints": hint})
    )
    assert plain != hinted


def test_a_file_and_an_image_id_together_are_refused(api, image_id, gray_jpeg):
    assert "one of them" in assert_error(api.post("/colorize", gray_jpeg, data={"image_id": image_id}), 400)


@pytest.mark.parametrize("form", [{}, {"image_id": ""}, {"image_id": " "}])
def test_neither_a_file_nor_an_image_id_is_refused(api, form):
    assert "image_id" in assert_error(api.post("/colorize", data=form), 400)


@pytest.mark.parametrize("unknown", [NO_SUCH_ID, "nonsense", "../results/x", "a/../../etc/passwd", "\0", "é" * 500])
def test_an_unknown_image_id_is_404_whatever_it_would_name_on_the_disk(api, unknown):
    assert "image_id" in assert_error(api.post("/colorize", data={"image_id": unknown}), 404)


def test_a_result_is_no_upload(api, gray_jpeg):
    result_id = api.post("/colorize", gray_jpeg).json()["result_id"]
    assert_error(api.post("/colorize", data={"image_id": result_id}), 404)


# --- saturation ------------------------------------------------------------------------------------------------------


def chroma(image: Image.Image) -> np.ndarray:
    """Mean of Cb and Cr away from neutral."""
    return np.abs(np.asarray(image.convert("YCbCr"))[..., 1:].astype(float) - 128).mean()


def test_saturation_makes_colours_stronger_or_weaker_and_keeps_the_luminance(api, image_id, gray_photo):
    results = [
        picture(api.post("/colorize", data={"image_id": image_id, "saturation": value}))
        for value in ("0", "0.5", "1", "2")
    ]
    strengths = [chroma(result) for result in results]
    assert strengths[0] == 0
    assert strengths[1] == pytest.approx(strengths[2] / 2, rel=0.15)
    assert strengths[3] > 1.6 * strengths[2]
    for result in results:
        off = np.abs(np.asarray(result.convert("L")).astype(int) - np.asarray(gray_photo).astype(int))
        assert off.mean() < 2.5


@pytest.mark.parametrize("unset", ["", " ", "1", "1.0", "1e0"])
def test_a_saturation_of_one_is_the_default(api, image_id, unset):
    with_field, without = (
        picture(api.post("/colorize", data={"image_id": image_id} | form)).tobytes()
        for form in ({"saturation": unset}, {})
    )
    assert with_field == without


@pytest.mark.parametrize("bad", ["much", "-0.1", "2.01", "nan", "inf", "1,5", "0x1", "1e400", "[1]"])
def test_a_bad_saturation_is_refused_with_what_it_takes(api, image_id, bad):
    sentence = assert_error(api.post("/colorize", data={"image_id": image_id, "saturation": bad}), 400)
    assert "saturation" in sentence and "0 to 2" in sentence
