"""Settings: what an operator can set, and what he is told when he sets it wrong."""

import os
import subprocess
import sys

import pytest

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.process import available_cpus
from colorize_service.server.settings import Settings, SettingsError
from tests.support.service import ROOT


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    monkeypatch.setenv("APP_CHECK", "off")


def table() -> str:
    """The settings' table as docs/settings.md must have it."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{name.upper()}` | {_default(field)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _default(field) -> str:
    value = field.default
    if field.default_factory is not None or value in (None, [], EMBEDDED_BUNDLE):
        return "–"
    text = (
        {True: "on", False: "off"}[value]
        if isinstance(value, bool)
        else ",".join(value)
        if isinstance(value, list)
        else str(value)
    )
    return f"`{text}`"


def test_every_setting_is_documented_as_it_is():
    assert table() in (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "http", "integer"),
        ("PORT", "70000", "65535"),
        ("MAX_PIXELS", "0", "greater"),
        ("DEVICE", "tpu", "'cuda'"),
        ("PUBLIC_BASE_URL", "api.example.com", "absolute"),
        ("PUBLIC_BASE_URL", "https://x/?a=1", "without query"),
        ("STORAGE_DIR", "/proc/none", "folder"),
        ("JPEG_QUALITY", "200", "100"),
        ("APP_CHECK", "perhaps", "boolean"),
        ("TRUSTED_PROXIES", "-1", "0"),
        ("QUEUE_TIMEOUT", "soon", "number"),
        ("WORKERS", "0", "1"),
        ("HOST", "nohost.invalid", "address"),
        ("HOST", "unix:/x", "address"),
        ("CORS_ORIGINS", ",", "1 item"),
        ("CORS_ORIGINS", r"https://.*\.example\.com", "no origin"),
        ("CORS_ORIGINS", "https://a.example,b.example", "b.example is no origin"),
        ("CORS_ORIGINS", "https://a.example/path", "no origin"),
        ("CORS_ORIGINS", "https://a*.example", "no origin"),
        ("METRICS_HOST", "nohost.invalid", "address"),
        ("STORAGE_QUOTA", "10 GB", "integer"),
        ("PUBLIC_BASE_URL", "https://a:99999", "range"),
        ("FIREBASE_PROJECT_ID", "my project", "pattern"),
        ("LOG_LEVEL", "loud", "'info'"),
        ("PRESET", "slow", "'cpu'"),
        ("GUIDANCE_INTERVAL", "half", "dash"),
        ("GUIDANCE_INTERVAL", "0.5-2", "less"),
        ("GUIDANCE_INTERVAL", "0.8-0.2", "smaller"),
        ("MAX_BATCH", "0", "1"),
        ("KEEPALIVE", "0", "1"),
        ("HEADER_FIELDS", "0", "20"),
        ("HEADER_FIELD_BYTES", "100", "4096"),
        ("HEADER_BYTES", "64k", "integer"),
        ("CONNECTIONS", "1", "10"),
        ("SEND_TIMEOUT", "0", "greater"),
        ("MAX_STEPS", "51", "50"),
        ("MAX_QUEUED", "0", "1"),
        ("MAX_ATTEMPTS", "0", "1"),
        ("WORK_TIMEOUT", "0", "greater"),
    ],
)
def test_an_unusable_value_is_refused_with_the_variables_name_and_what_it_takes(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        Settings.load()
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{name}={value}: ") and says in line


def test_without_the_firebase_project_it_refuses_and_names_the_setting(monkeypatch):
    monkeypatch.delenv("APP_CHECK")
    with pytest.raises(SettingsError, match="FIREBASE_PROJECT_ID"):
        Settings.load()
    monkeypatch.setenv("FIREBASE_PROJECT_ID", "my-project")
    assert Settings.load().app_check is True


def test_figures_for_all_must_be_asked_for(monkeypatch):
    monkeypatch.setenv("PORT", "9464")
    with pytest.raises(SettingsError, match="METRICS_PORT to another port"):
        Settings.load()
    monkeypatch.setenv("METRICS_PORT", "9464")
    assert Settings.load().metrics_port == 9464


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("PUBLIC_BASE_URL", "")
    monkeypatch.setenv("MAX_PIXELS", "")
    settings = Settings.load()
    assert settings.public_base_url is None and settings.max_pixels == 50_000_000


def test_the_interval_of_guidance_is_two_shares(monkeypatch):
    assert Settings.load().guidance_interval is None
    monkeypatch.setenv("GUIDANCE_INTERVAL", "0.2 - 0.85")
    assert Settings.load().guidance_interval == (0.2, 0.85)


def test_the_machines_cores_are_shared_between_the_workers(monkeypatch):
    assert Settings.load().max_in_work == Settings.load().onnx_threads == available_cpus()
    monkeypatch.setenv("WORKERS", str(2 * available_cpus()))
    settings = Settings.load()
    assert settings.max_in_work == settings.onnx_threads == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", [["-m", "gunicorn"], ["-c", "import wsgi"]])
def test_a_wrong_setting_stops_the_start_with_a_sentence_and_no_traceback(tmp_path, command):
    environment = {"PATH": os.environ["PATH"], "STORAGE_DIR": str(tmp_path), "MAX_WAITING": "many"}
    run = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert "MAX_WAITING=many" in run.stderr and "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROKER_URL", "http://me:swordfish@queue.example", "redis://"),
        ("BROKER_URL", "redis://:swordfish@queue.example:99999", "range"),
        ("BROKER_URL", "secret", "redis://"),
        ("REPLY_URL", "amqp://me:swordfish@queue.example", "redis://"),
    ],
)
def test_an_address_with_a_password_is_refused_without_being_shown(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        Settings.load()
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{name}: ") and says in line and "secret" not in line


def test_rabbitmq_needs_a_place_for_replies_and_passwords_are_not_shown(monkeypatch):
    monkeypatch.setenv("BROKER_URL", "amqp://me:swordfish@queue.example//")
    with pytest.raises(SettingsError, match="REPLY_URL is missing"):
        Settings.load()
    monkeypatch.setenv("REPLY_URL", "redis://:swordfish@replies.example")
    settings = Settings.load()
    assert "swordfish" in settings.broker and "swordfish" in settings.replies and "swordfish" not in repr(settings)
