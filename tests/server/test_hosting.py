"""What an operator relies on: start, stop, overload, slow and vanished clients, full disks, broken models."""

import contextlib
import io
import json
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import requests
from PIL import Image

from colorize_service import EMBEDDED_BUNDLE
from tests.conftest import encode
from tests.support.figures import wait_for_photos
from tests.support.gateway import Nginx
from tests.support.service import wait_until


def post(url: str, photo: bytes, path: str = "/colorize", **options) -> requests.Response:
    return requests.post(url + path, files={"file": photo}, timeout=60, **options)


@pytest.fixture(scope="module")
def large_jpeg(gray_photo) -> bytes:
    """12 megapixels: work for about half a second."""
    return encode(gray_photo.resize((4000, 3000)), "JPEG", quality=85)


def at_once(count: int, call) -> list:
    """The results of ``count`` simultaneous calls."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- models that cannot be loaded ------------------------------------------------------------------------------------


def _without_model(folder):
    (folder / "lite.onnx").unlink()


def _with_another_model(folder):
    content = bytearray((folder / "lite.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "lite.onnx").write_bytes(content)


def _without_manifest(folder):
    (folder / "manifest.json").unlink()


def _manifest(**changes):
    def change(folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))

    return change


def _with_file(path):
    def change(folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["model"]["path"] = path
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return change


def _with_deep_manifest(folder):
    (folder / "manifest.json").write_text('{"defaults": ' + "[" * 200_000)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_without_model, "lite.onnx cannot be read"),
        (_with_another_model, "sha256"),
        (_without_manifest, "manifest.json cannot be read"),
        (_manifest(format=2), "format 2"),
        (_manifest(kind="newer"), "kind 'newer'"),
        (_manifest(files=[]), "files"),
        (_with_file("../lite.onnx"), "within the bundle"),
        (_with_file("a\0b"), "within the bundle"),
        (_with_deep_manifest, "manifest.json of"),
    ],
)
def test_with_a_wrong_bundle_the_service_starts_and_says_what_is_wrong(serve, tmp_path, gray_jpeg, damage, says):
    bundle = tmp_path / "bundle"
    shutil.copytree(EMBEDDED_BUNDLE, bundle)
    damage(bundle)
    service = serve(wait_for_model=False, MODEL_BUNDLE=bundle)
    wait_until(lambda: "cannot be loaded" in service.log(), 20, service.log)
    assert says in service.log()
    health = requests.get(f"{service.url}/health", timeout=30)
    assert health.status_code == 503
    assert set(health.json()) == {"status", "model_loaded", "detail"}
    assert (health.json()["status"], health.json()["model_loaded"]) == ("unhealthy", False)
    assert health.headers["Retry-After"] == "300"  # nothing to hope for soon, as there is while it is being loaded
    refused = post(service.url, gray_jpeg)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0 and refused.json()["detail"]
    uploaded = post(service.url, gray_jpeg, "/upload")
    assert uploaded.status_code == 200
    assert requests.get(uploaded.json()["image_url"], timeout=30).status_code == 200


def test_where_cuda_is_demanded_and_does_not_work_the_log_says_why(serve):
    service = serve(wait_for_model=False, DEVICE="cuda")
    wait_until(lambda: "cannot be loaded" in service.log() or "runs on CUDA" in service.log(), 60, service.log)
    if "runs on CUDA" not in service.log():
        assert "DEVICE=cuda, but CUDA does not work: " in service.log()
        assert requests.get(f"{service.url}/health", timeout=30).status_code == 503


# --- start and stop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"WORKERS": 2}, {"GUNICORN_CMD_ARGS": "--preload"}])
def test_every_worker_has_its_model_and_the_log_names_the_device(serve, gray_jpeg, settings):
    service = serve(**settings)
    workers = settings.get("WORKERS", 1)
    wait_until(lambda: service.log().count("Loaded ColorizeNet-Lite") == workers, 20, service.log)
    assert service.log().count("The model runs on ") == workers
    for answer in at_once(4, lambda: post(service.url, gray_jpeg)):
        assert answer.status_code == 200
        assert requests.get(answer.json()["download_url"], timeout=30).status_code == 200


def test_links_begin_with_the_public_base_url_where_one_is_set(serve, gray_jpeg):
    service = serve(PUBLIC_BASE_URL="https://photos.example/api/")
    answer = post(service.url, gray_jpeg).json()
    assert answer["download_url"] == f"https://photos.example/api/results/{answer['filename']}"
    assert answer["api_download_url"] == f"https://photos.example/api/download/{answer['result_id']}"


def test_only_the_origins_that_the_operator_names_may_call(serve):
    service = serve(CORS_ORIGINS="https://a.example,https://b.example")
    for origin, allowed in (("https://b.example", "https://b.example"), ("https://c.example", None)):
        response = requests.get(f"{service.url}/health", headers={"Origin": origin}, timeout=30)
        assert response.headers.get("Access-Control-Allow-Origin") == allowed


def test_a_stop_lets_the_photo_in_work_finish(serve, large_jpeg):
    service = serve()
    answers = []
    client = threading.Thread(target=lambda: answers.append(post(service.url, large_jpeg)))
    client.start()
    wait_for_photos(service, in_work=1)
    service.stop()
    client.join()
    assert answers[0].status_code == 200
    assert service.process.returncode == 0
    assert "SIGABRT" not in service.log(), "the worker was aborted at its end"


def test_a_stop_does_not_wait_longer_than_the_operator_lets_it(serve):
    service = serve(GRACEFUL_TIMEOUT=1, BODY_TIMEOUT=60)
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(
            b"POST /colorize HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100"), "the request is not in work"
        started = time.monotonic()
        service.stop()
        assert time.monotonic() - started < 30, "it has waited for the client"


def test_nothing_half_written_is_left_after_a_crash(serve, large_jpeg):
    service = serve(wait_for_model=True)
    stop = threading.Event()

    def client():
        while not stop.is_set():
            with contextlib.suppress(requests.RequestException):
                post(service.url, large_jpeg, "/upload")

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    (service.storage / ".tmp" / "left-over").write_bytes(b"half a picture")
    wait_until(lambda: list(service.storage.glob("uploads/*/*/*.jpg")), 20)
    service.kill()
    stop.set()
    for thread in threads:
        thread.join()
    service.start()
    assert [path.name for path in (service.storage / ".tmp").iterdir()] == ["lock"]
    for path in service.storage.glob("uploads/*/*/*.jpg"):
        Image.open(path).load()


# --- overload --------------------------------------------------------------------------------------------------------


def test_more_photos_than_may_wait_are_refused_at_once(serve, large_jpeg):
    service = serve(MAX_IN_WORK=1, MAX_WAITING=2)
    answers = at_once(8, lambda: post(service.url, large_jpeg))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) >= 3 and all(answer.status_code in (200, 503) for answer in answers)
    for answer in refused:
        assert "Too many photos" in answer.json()["detail"] and 1 <= int(answer.headers["Retry-After"]) <= 120
    assert post(service.url, large_jpeg).status_code == 200


def test_a_photo_that_waits_too_long_is_refused(serve, large_jpeg):
    service = serve(MAX_IN_WORK=1, MAX_WAITING=20, QUEUE_TIMEOUT=0.2)
    answers = at_once(12, lambda: post(service.url, large_jpeg))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused and any("waited too long" in answer.json()["detail"] for answer in refused)
    assert any(answer.status_code == 200 for answer in answers)


def test_a_photo_may_wait_longer_than_its_body_may_take(serve, large_jpeg):
    service = serve(MAX_IN_WORK=1, BODY_TIMEOUT=1.5)
    assert [answer.status_code for answer in at_once(20, lambda: post(service.url, large_jpeg))] == [200] * 20


def test_a_client_that_has_gone_away_costs_no_inference(serve, large_jpeg):
    service = serve(MAX_IN_WORK=1)
    busy = [threading.Thread(target=post, args=(service.url, large_jpeg)) for _ in range(3)]
    for thread in busy:
        thread.start()
    wait_for_photos(service, in_work=1, waiting=1)
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + large_jpeg + b"\r\n--x--\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(
            b"POST /colorize HTTP/1.1\r\nHost: x\r\nX-Request-ID: gone\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % len(body) + body
        )
    wait_until(lambda: '"gone"' in service.log(), 20, service.log)
    for thread in busy:
        thread.join()
    (line,) = [json.loads(line) for line in service.log().splitlines() if '"gone"' in line]
    assert line["status"] == 499 and "engine_ms" not in line


# --- full disk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/colorize", "/upload"])
def test_a_full_disk_is_said_and_leaves_nothing_half_stored(small_disk, serve, gray_photo, gray_jpeg, path):
    service = serve()
    # 1.8 kB become over 600, so that it is seen only when the result is written.
    checkerboard = Image.fromarray(np.indices((1000, 1000)).sum(0).astype(np.uint8) % 2 * 255)
    (small_disk / "filler").write_bytes(bytes(800_000))
    refused = post(service.url, encode(checkerboard, "PNG"), path)
    assert refused.status_code == 503, refused.text
    assert "no room" in refused.json()["detail"] and refused.headers["Retry-After"]
    assert not list(small_disk.rglob("*.jpg"))
    assert [file.name for file in (small_disk / ".tmp").iterdir()] == ["lock"]
    assert post(service.url, gray_jpeg, path).status_code == 200


# --- nginx -----------------------------------------------------------------------------------------------------------


def test_nginx_answers_in_json_when_the_service_is_stopped_or_too_slow(serve, tmp_path, large_jpeg):
    service = serve(TRUSTED_PROXIES=1)
    with Nginx(tmp_path, service.port, **{"proxy_read_timeout 180s;": "proxy_read_timeout 20ms;"}) as nginx:
        slow = post(nginx.url, large_jpeg)
        service.stop()
        stopped = requests.get(f"{nginx.url}/health", timeout=30)
    for response in (slow, stopped):
        assert response.status_code == 503 and response.headers["Content-Type"] == "application/json"
        assert list(response.json()) == ["detail"] and response.headers["Retry-After"]
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_behind_nginx_links_and_log_name_what_the_client_called(serve, tmp_path, gray_jpeg):
    service = serve(TRUSTED_PROXIES=1)
    with Nginx(tmp_path, service.port) as nginx:
        answer = post(nginx.url, gray_jpeg, "/upload", headers={"Host": "photos.example"})
        assert answer.json()["image_url"].startswith("http://photos.example/uploads/")
        forged = post(nginx.url, gray_jpeg, "/upload", headers={"X-Forwarded-For": "6.6.6.6"})
        assert Image.open(io.BytesIO(requests.get(forged.json()["image_url"], timeout=30).content)).size == (451, 300)
    assert "6.6.6.6" not in service.log()
