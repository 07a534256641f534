"""The command ``colorize serve``."""

import pytest


@pytest.mark.slow
def test_serve_without_the_firebase_project_says_what_is_missing(colorize):
    done = colorize("serve")
    assert done.returncode == 1 and "FIREBASE_PROJECT_ID is missing" in done.stderr


def test_the_help_of_serve_lists_every_setting(colorize):
    from colorize_service.server.settings import Settings

    text = colorize("serve", "--help").stdout
    assert all(f"  {name.upper()} " in text for name in Settings.model_fields)
