"""The commands ``colorize serve`` and ``colorize worker``."""

import pytest

from tests.support.command import ENVIRONMENT


@pytest.mark.slow
def test_serve_without_the_firebase_project_says_what_is_missing(colorize):
    done = colorize("serve")
    assert done.returncode == 1 and "FIREBASE_PROJECT_ID is missing" in done.stderr


def test_the_help_of_serve_lists_every_setting(colorize):
    from colorize_service.server.settings import Settings

    text = colorize("serve", "--help").stdout
    assert all(f"  {name.upper()} " in text for name in Settings.model_fields)


@pytest.mark.slow
def test_a_worker_without_a_broker_says_what_is_missing(colorize):
    done = colorize("worker")
    assert done.returncode == 1 and "BROKER_URL is missing" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_worker_with_a_wrong_setting_says_which(colorize):
    done = colorize("worker", env=ENVIRONMENT | {"BROKER_URL": "http://me:secret@queue.example"})
    assert done.returncode == 1 and "BROKER_URL: takes" in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr
