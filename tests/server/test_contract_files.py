"""The contract's files, directly and from a fleet with a bucket: kept, asked for in part, and not there."""

import json
import re
import uuid

import pytest
import requests

from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings
from colorize_service.server.storage.folder import FolderStorage
from colorize_service.server.storage.store import Stored
from tests.support.http import NO_SUCH_ID, assert_error, exchange


@pytest.fixture(scope="session", params=["gunicorn", "fleet"])
def api(request):
    """The service: directly, and as a fleet behind nginx with a bucket."""
    return request.getfixturevalue(f"api_by_{request.param}")


def test_public_files_may_be_kept_for_ever_and_shown_on_any_site(result):
    _, response = result
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Robots-Tag"] == "noindex", "a photo must not turn up in a search"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert re.fullmatch(r'"[^"]+"', response.headers["ETag"]), "the ETag must be strong"


def test_a_download_may_be_kept_by_its_client_and_by_no_cache_on_the_way(api, result):
    name = result[0].rpartition("/")[2].removesuffix(".jpg")
    response = api.get(f"/download/{name}")
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Robots-Tag"] == "noindex", "a photo must not turn up in a search"


def test_pages_of_other_origins_can_read_the_headers_that_they_need(api, result):
    names = "Content-Disposition, ETag, Idempotent-Replayed, Location, Preference-Applied, Retry-After, X-Delete-Token"
    for url in (result[0], f"{api.url}/health", f"{api.url}/missing"):
        response = requests.get(url, headers={"Origin": "https://example.com"}, timeout=30)
        exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {*names.split(", "), "X-Request-ID"}


def test_a_browser_that_has_the_file_is_not_sent_it_again(result):
    url, response = result
    again = requests.get(url, headers={"If-None-Match": response.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(url, headers={"If-None-Match": '"other"'}, timeout=30).status_code == 200


def test_an_interrupted_download_can_be_continued(result):
    url, response = result
    part = requests.get(url, headers={"Range": "bytes=100-299"}, timeout=30)
    assert (part.status_code, part.content) == (206, response.content[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(response.content)}"
    stale = requests.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'}, timeout=30)
    assert (stale.status_code, stale.content) == (200, response.content)
    beyond = requests.get(url, headers={"Range": f"bytes={len(response.content)}-"}, timeout=30)
    assert_error(beyond, 416)


def test_a_picture_is_not_sent_where_another_was_asked_for(result):
    assert_error(requests.get(result[0], headers={"If-Match": '"other"'}, timeout=30), 412)
    for good in ("*", result[1].headers["ETag"], f'"other", {result[1].headers["ETag"]}'):
        assert requests.get(result[0], headers={"If-Match": good}, timeout=30).content == result[1].content


def test_head_tells_a_files_size_without_sending_it(result):
    url, response = result
    head = requests.head(url, timeout=30)
    assert head.status_code == 200 and head.content == b""
    assert int(head.headers["Content-Length"]) == len(response.content)
    assert head.headers["ETag"] == response.headers["ETag"]
    assert requests.head(url, headers={"Range": "bytes=0-9"}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/results/{NO_SUCH_ID}.jpg",
        f"/uploads/{NO_SUCH_ID}.jpg",
        f"/results/{NO_SUCH_ID}",
        f"/results/{NO_SUCH_ID}.png",
        "/results/..%2f..%2fetc%2fpasswd",
        "/results/%2e%2e/%2e%2e/etc/passwd",
        "/results/.tmp",
        "/results/",
        "/uploads",
        "/results/00000000-0000-1000-8000-000000000000.jpg",
        "/results/%00.jpg",
        "/results/lock.jpg",
        "/results/a%0d%0ab.jpg",
        "/nothing",
        "/.errors/503",
        "/health/",
        "/%ff",
        "/download/",
        "/colorize/x",
    ],
)
def test_what_is_not_there_is_404_whatever_it_would_name_on_the_disk(api, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    status, headers, body = exchange(api.url, request)
    # nginx itself refuses, as malformed, what climbs out of the root or has a zero byte.
    assert status in ((404, 400) if api.through == "nginx" else (404,))
    assert headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["detail"]


def test_an_id_in_another_form_is_404(api, gray_jpeg):
    result_id = api.post("/colorize", gray_jpeg).json()["result_id"]
    for form in (
        result_id.upper(),
        result_id.replace("-", ""),
        "{" + result_id + "}",
        f"urn:uuid:{result_id}",
        f"{result_id}.jpg",
        f" {result_id}",
    ):
        assert_error(api.get(f"/download/{form}"), 404)
    assert_error(api.get(f"/uploads/{result_id}.jpg"), 404)
    assert_error(api.get(f"/results/{result_id}.JPG"), 404)
    assert_error(api.get(f"/download/{uuid.uuid4()}"), 404)


@pytest.mark.parametrize("path", ["/results/{}.jpg", "/uploads/{}.jpg", "/download/{}"])
def test_a_picture_that_is_deleted_while_it_is_asked_for_is_not_found(tmp_path, monkeypatch, path):
    app = create_app(Settings(app_check=False, storage_dir=tmp_path))
    look = FolderStorage.open

    def open_at_the_last_moment(storage: FolderStorage, collection: str, file_id: str) -> Stored | None:
        found = look(storage, collection, file_id)
        assert found
        found.content.unlink()
        return found

    monkeypatch.setattr(FolderStorage, "open", open_at_the_last_moment)
    file_id = FolderStorage(tmp_path).put("uploads" if "uploads" in path else "results", b"picture")
    response = app.test_client().get(path.format(file_id))
    assert (response.status_code, list(response.get_json())) == (404, ["detail"])
