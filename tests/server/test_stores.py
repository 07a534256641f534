"""Which store the settings ask for, and what an operator is told if it cannot be had."""

import subprocess
import sys

import pytest

from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.stores import open_storage
from tests.support.service import ROOT


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setenv("APP_CHECK", "off")
    monkeypatch.chdir(tmp_path)  # where STORAGE_DIR is by default
    for name in ("STORAGE_URL", "STORAGE_DIR", "STORAGE_QUOTA", "STORAGE_REDIRECT"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_bucket_nothing_of_it_is_imported(tmp_path):
    code = (
        "import sys; from colorize_service.server.app import create_app;"
        "from colorize_service.server.settings import Settings;"
        f"create_app(Settings(app_check=False, storage_dir={str(tmp_path)!r}));"
        "print([each for each in ('obstore', 'boto3', 'celery', 'redis') if each in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (0, "[]\n")


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:top-secret@bucket",
        "az://container/prefix?sig=top-secret",
        "https://bucket.example.com/top-secret",
        "s3:top-secret",
    ],
)
def test_an_address_of_a_bucket_that_may_have_credentials_in_it_is_refused_and_not_repeated(monkeypatch, url):
    monkeypatch.setenv("STORAGE_URL", url)
    with pytest.raises(SettingsError) as refusal:
        Settings.load()
    assert str(refusal.value).startswith("STORAGE_URL: ") and "no credentials" in str(refusal.value)
    assert "top-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("s3://bucket", {"AWS_SKIP_SIGNATURE": "top-secret"}),
        ("gs://bucket", {"GOOGLE_SERVICE_ACCOUNT_KEY": '{"private_key": "top-secret"}'}),
        ("az://container", {"AZURE_STORAGE_ACCOUNT_NAME": "name", "AZURE_STORAGE_ACCOUNT_KEY": "top-secret"}),
    ],
)
def test_what_a_bucket_lacks_is_told_and_no_secret_with_it(monkeypatch, url, environment):
    for name, value in (environment | {"STORAGE_URL": url}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="STORAGE_URL: Generic") as refusal:
        open_storage(Settings.load())
    assert "top-secret" not in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "bucket"), [("STORAGE_QUOTA", "99999999", "s3://bucket"), ("STORAGE_REDIRECT", "on", "")]
)
def test_what_a_store_cannot_do_is_refused_at_the_start(monkeypatch, tmp_path, name, value, bucket):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    monkeypatch.setenv("STORAGE_URL", bucket)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        Settings.load()


def test_a_bucket_without_its_packages_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setenv("STORAGE_URL", "s3://bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "colorize_service.server.storage.bucket", raising=False)
    with pytest.raises(SettingsError, match=r"pip install '\.\[server,fleet\]'"):
        open_storage(Settings.load())
