"""Who made a picture can delete it, and nobody else: over real HTTP, directly, and from a fleet with a bucket."""

import re
import uuid

import pytest
import requests

from tests.support.http import NO_SUCH_ID, assert_error

HEADER = "X-Delete-Token"


@pytest.fixture(scope="session", params=["gunicorn", "fleet"])
def api(request):
    return request.getfixturevalue(f"api_by_{request.param}")


@pytest.fixture(params=[("/upload", "image_url"), ("/colorize", "download_url")], ids=["upload", "result"])
def picture(request, api, gray_jpeg) -> tuple[str, str]:
    """A stored picture's address, and its token."""
    path, key = request.param
    response = api.post(path, gray_jpeg)
    return response.json()[key], response.headers[HEADER]


def delete(url: str, token: str | None = None) -> requests.Response:
    return requests.delete(url, headers={} if token is None else {HEADER: token}, timeout=30)


def test_with_its_token_a_picture_is_gone_and_stays_gone(picture):
    url, token = picture
    assert requests.get(url, timeout=30).status_code == 200
    gone = delete(url, token)
    assert (gone.status_code, gone.content) == (204, b"") and "Content-Type" not in gone.headers
    assert_error(requests.get(url, timeout=30), 404)
    assert_error(delete(url, token), 404)


def test_a_deleted_result_cannot_be_downloaded_either(api, gray_jpeg):
    response = api.post("/colorize", gray_jpeg)
    assert delete(response.json()["download_url"], response.headers[HEADER]).status_code == 204
    assert_error(api.get(f"/download/{response.json()['result_id']}"), 404)


def test_without_its_token_a_picture_stays(picture):
    url, token = picture
    changed = ("0" if token[0] != "0" else "1") + token[1:]
    for wrong in (None, "", changed, token[:-1], token.upper(), f"{token}0", "ä", "x" * 5000, f'"{token}"'):
        sentence = assert_error(delete(url, wrong and wrong.encode("utf-8")), 403)
        assert HEADER in sentence and token not in sentence
    assert requests.get(url, timeout=30).status_code == 200


def test_another_pictures_token_deletes_nothing(api, gray_jpeg):
    first, second = api.post("/colorize", gray_jpeg), api.post("/colorize", gray_jpeg)
    upload = api.post("/upload", gray_jpeg)
    for other in (second, upload):
        assert_error(delete(first.json()["download_url"], other.headers[HEADER]), 403)
    assert_error(delete(upload.json()["image_url"], first.headers[HEADER]), 403)


def test_the_same_id_in_the_other_collection_is_another_picture(api, gray_jpeg):
    answer = api.post("/colorize", gray_jpeg)
    url = answer.json()["download_url"].replace("/results/", "/uploads/")
    assert_error(delete(url, answer.headers[HEADER]), 404)


@pytest.mark.parametrize("name", [f"{NO_SUCH_ID}.jpg", NO_SUCH_ID, "lock.jpg", f"{NO_SUCH_ID}.png"])
def test_what_is_not_there_cannot_be_deleted(api, name):
    for collection in ("results", "uploads"):
        assert_error(delete(f"{api.url}/{collection}/{name}", "0" * 64), 404)
        assert_error(delete(f"{api.url}/{collection}/{name}"), 404)


def test_a_deleted_upload_cannot_be_colorized_and_what_was_sent_is_gone_too(api, gray_jpeg):
    upload = api.post("/upload", gray_jpeg)
    image_id = upload.json()["image_id"]

    def stored() -> list[str]:
        names = api.service.stored("originals") + api.service.stored("uploads")
        return [name for name in names if image_id in name]

    assert len(stored()) == 2
    assert delete(upload.json()["image_url"], upload.headers[HEADER]).status_code == 204
    assert_error(api.post("/colorize", data={"image_id": image_id}), 404)
    assert not stored()


def test_a_download_is_not_deleted_by_its_own_address(api, gray_jpeg):
    response = api.post("/colorize", gray_jpeg)
    url = response.json()["api_download_url"]
    refused = requests.delete(url, headers=api.headers | {HEADER: response.headers[HEADER]}, timeout=30)
    assert_error(refused, 405)


def test_pages_of_other_origins_can_read_the_token_and_delete(api, gray_jpeg):
    origin = {"Origin": "https://example.com"}
    response = api.post("/colorize", gray_jpeg, headers=api.headers | origin)
    assert HEADER in response.headers["Access-Control-Expose-Headers"]
    ask = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": HEADER.lower()}
    preflight = requests.options(response.json()["download_url"], headers=origin | ask, timeout=30)
    assert preflight.status_code == 200 and "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    assert HEADER.lower() in preflight.headers["Access-Control-Allow-Headers"].lower()


def test_no_token_is_in_the_log(api, picture):
    delete(*picture)
    assert picture[1] not in api.service.log()


@pytest.mark.parametrize("secret", [None, "a secret of the operator's, long enough"])
def test_any_replica_takes_the_token_of_another_and_a_new_secret_makes_it_void(serve, tmp_path, gray_jpeg, secret):
    settings = {"STORAGE_DIR": tmp_path / "pictures"} | ({"DELETE_SECRET": secret} if secret else {})
    one, other = serve(**settings), serve(**settings)
    made = [requests.post(f"{one.url}/colorize", files={"file": gray_jpeg}, timeout=60) for _ in range(2)]
    names = [response.json()["filename"] for response in made]
    assert re.fullmatch("[0-9a-f]{64}", made[0].headers[HEADER])
    assert delete(f"{other.url}/results/{names[0]}", made[0].headers[HEADER]).status_code == 204
    third = serve(**settings | {"DELETE_SECRET": str(uuid.uuid4())})
    assert_error(delete(f"{third.url}/results/{names[1]}", made[1].headers[HEADER]), 403)
