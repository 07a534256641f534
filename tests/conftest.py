"""The service as a client meets it: over HTTP, with real tokens, directly and through nginx."""

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
import requests
from PIL import Image
from skimage import data

from tests.support import needs
from tests.support.buckets import JuiceFS
from tests.support.gateway import Nginx
from tests.support.key_server import PROJECT, KeyServer
from tests.support.service import ADDRESSES, ROOT, Service
from tests.support.side_by_side import SideBySide, turn

if TYPE_CHECKING:
    from tests.support.fleet import Fleet

# A test that is slow on a busy machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure(config):
    for name, meaning in needs.MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_ignore_collect(collection_path, config):
    """Do not import a folder or module of which no test is wanted: what it imports may be slow, or not installed."""
    if collection_path.is_dir() or collection_path.suffix == ".py":
        return needs.left_out(needs.markers_of_path(collection_path), config.option.markexpr) or None
    return None


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(config, items):
    for item in items:
        for name in needs.markers_of_path(item.path) | needs.markers_of_fixtures(item.fixturenames):
            item.add_marker(name)
    items.sort(key=lambda item: turn(item.path))
    if needs.left_out(["torch"], config.option.markexpr) and "torch" in sys.modules:
        raise pytest.UsageError("A module that is not marked torch imports it; see tests/support/needs.py.")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return SideBySide(config, log)


def pytest_runtest_setup(item):
    Service.allowed = item.get_closest_marker("server") is not None


@dataclass
class Api:
    """An address of the service, and what a client needs to call it."""

    url: str
    service: "Service | Fleet"
    keys: KeyServer
    through: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Firebase-AppCheck": self.keys.token()}

    def post(self, path: str, photo: bytes | None = None, **options) -> requests.Response:
        files = None if photo is None else {"file": ("photo.jpg", photo, "image/jpeg")}
        return requests.post(self.url + path, files=files, **{"headers": self.headers, "timeout": 60} | options)

    def get(self, path: str, **options) -> requests.Response:
        return requests.get(self.url + path, **{"headers": self.headers, "timeout": 60} | options)


@pytest.fixture(scope="session")
def every_answer_is_as_documented():
    """Whatever a test asks of the service, and of nginx in front of it, is compared with the OpenAPI document."""
    from tests.support import documented  # Schemathesis, for those who need it

    send = requests.Session.send

    def send_and_check(session, request, **options):
        response = send(session, request, **options)
        if response.url.startswith(tuple(ADDRESSES)):
            documented.check(response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send_and_check)
        yield


@pytest.fixture(scope="session")
def keys():
    with KeyServer() as server:
        yield server


@pytest.fixture(scope="session", params=["gunicorn", "nginx", "fleet"])
def api(request):
    """The service with App Check enforced: directly, through nginx, and as a fleet behind nginx with a bucket."""
    return request.getfixturevalue(f"api_by_{request.param}")


@pytest.fixture(scope="session")
def api_by_gunicorn(keys, tmp_path_factory, every_answer_is_as_documented):
    with Service(tmp_path_factory.mktemp("gunicorn"), **_guarded(keys)) as service:
        yield Api(service.url, service, keys, "gunicorn")


@pytest.fixture(scope="session")
def api_by_nginx(keys, tmp_path_factory, every_answer_is_as_documented):
    folder = tmp_path_factory.mktemp("nginx")
    with (
        Service(folder, TRUSTED_PROXIES=1, **_guarded(keys)) as service,
        Nginx(folder, service.port) as nginx,
    ):
        yield Api(nginx.url, service, keys, "nginx")


@pytest.fixture(scope="session")
def api_by_fleet(keys, bucket_server, tmp_path_factory, every_answer_is_as_documented):
    from tests.support.fleet import redis_fleet  # Redis' client, for those who need it

    folder = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as stack:
        _, fleet = redis_fleet(stack, folder, bucket=bucket_server, TRUSTED_PROXIES=1, **_guarded(keys))
        nginx = stack.enter_context(Nginx(folder, *(service.port for service in fleet.services)))
        yield Api(nginx.url, fleet, keys, "nginx")


def _guarded(keys: KeyServer) -> dict[str, object]:
    return {
        "APP_CHECK": "on",
        "FIREBASE_PROJECT_ID": PROJECT,
        "APP_CHECK_JWKS_URL": keys.url,
        "MAX_UPLOAD_BYTES": 4_000_000,
        "MAX_PIXELS": 4_000_000,
    }


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory):
    """An S3 server that checks signatures, with a bucket."""
    with JuiceFS(tmp_path_factory.mktemp("juicefs")) as server:
        yield server


@pytest.fixture
def serve(tmp_path, every_answer_is_as_documented):
    """Start a service of the test's own: ``serve(NAME=value)``; App Check is off unless asked for."""
    with contextlib.ExitStack() as stack:

        def start(wait_for_model: bool = True, **settings: object) -> Service:
            service = Service(tmp_path, **settings)
            stack.callback(service.kill)
            return service.start(wait_for_model)

        yield start


@pytest.fixture(scope="module")
def running(tmp_path_factory, every_answer_is_as_documented):
    """Start a service for the tests of a module that do not mind each other: ``running(NAME=value)``."""
    with contextlib.ExitStack() as stack:

        def start(wait_for_model: bool = True, **settings: object) -> Service:
            service = Service(tmp_path_factory.mktemp("service"), **settings)
            stack.callback(service.stop)
            return service.start(wait_for_model)

        yield start


@pytest.fixture(scope="module")
def service(running):
    """The service with its default settings."""
    return running()


@pytest.fixture(scope="module")
def url(service) -> str:
    """Its address."""
    return service.url


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    disk = tmp_path / "storage"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    mount = subprocess.run(command, capture_output=True, text=True, check=False)
    if mount.returncode:
        needs.missing(f"cannot mount a small file system: {mount.stderr}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture(scope="session")
def browser():
    from tests.support.browser import chromium  # Playwright, for those who need it

    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser):
    """Open the page as a visitor: ``visit(url)``. At the end the browser's console must be empty."""
    from tests.support.browser import Visitor

    visitors = []

    def start(url: str, **options: object) -> Visitor:
        visitors.append(Visitor(browser, url, **options))
        return visitors[-1].visit()

    yield start
    for visitor in visitors:
        visitor.context.close()
    assert [visitor.messages for visitor in visitors] == [[]] * len(visitors)


@pytest.fixture
def visitor(visit, service):
    return visit(service.url)


@pytest.fixture(scope="session")
def colorizenet_checkpoint(tmp_path_factory):
    """A small ControlLDM checkpoint: random weights, all of the model's blocks."""
    from tests.support.checkpoints import SMALL, state_dict, write  # torch, for those who need it

    return write(tmp_path_factory.mktemp("colorizenet") / "small.safetensors", state_dict(SMALL))


@pytest.fixture(scope="session")
def colorizenet_bundle(colorizenet_checkpoint):
    """The bundle that ``python -m export`` makes of it."""
    folder = colorizenet_checkpoint.with_name("bundle")
    options = ["--size", "64", "--precision", "fp32", "--variant", "plain"]
    subprocess.run(
        [sys.executable, "-m", "export", colorizenet_checkpoint, "--out", folder, *options],
        cwd=ROOT,
        check=True,
        timeout=600,
    )
    return folder


@pytest.fixture(scope="session")
def gray_photo() -> Image.Image:
    """A photo in mode L, 451×300: Chelsea the cat, CC0, from scikit-image."""
    return Image.fromarray(data.chelsea()).convert("L")


@pytest.fixture(scope="session")
def gray_jpeg(gray_photo) -> bytes:
    return encode(gray_photo, "JPEG", quality=92)


@pytest.fixture(scope="session")
def photo_path(tmp_path_factory, gray_jpeg):
    path = tmp_path_factory.mktemp("photos") / "cat.jpg"
    path.write_bytes(gray_jpeg)
    return path


@pytest.fixture(scope="session")
def letter_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "letter.jpg"
    path.write_text("Dear Sir or Madam")
    return path


def encode(image: Image.Image, image_format: str, **options) -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def decode(content: bytes) -> np.ndarray:
    """A file's bytes as an array, in the mode that the file has."""
    return np.asarray(Image.open(io.BytesIO(content)))
