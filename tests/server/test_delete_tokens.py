"""Tokens that let clients delete: where the secret comes from, and that all replicas have it."""

import hashlib
import hmac
from types import SimpleNamespace

import pytest

from colorize_service.server import delete_tokens
from colorize_service.server.delete_tokens import DeleteTokens
from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.storage.folder import FolderStorage
from tests.support.http import NO_SUCH_ID


def test_a_token_is_the_hmac_that_the_documentation_says(tmp_path):
    token = DeleteTokens("s" * 32, FolderStorage(tmp_path)).token("results", NO_SUCH_ID)
    assert token == hmac.new(b"s" * 32, f"results/{NO_SUCH_ID}".encode(), hashlib.sha256).hexdigest()


def test_after_a_restart_the_tokens_are_still_good(tmp_path):
    token = DeleteTokens(None, FolderStorage(tmp_path)).token("results", NO_SUCH_ID)
    again = DeleteTokens(None, FolderStorage(tmp_path))
    assert again.is_right("results", NO_SUCH_ID, token)
    assert not again.is_right("uploads", NO_SUCH_ID, token)
    assert not DeleteTokens(None, FolderStorage(tmp_path / "other")).is_right("results", NO_SUCH_ID, token)


def test_a_secret_that_another_replica_made_at_the_same_time_counts(monkeypatch):
    monkeypatch.setattr(delete_tokens, "ASK_AGAIN_AFTER", 0)
    secrets = [b"mine"]
    replica = DeleteTokens(None, SimpleNamespace(secrets=lambda: list(secrets)))
    replica.token("results", NO_SUCH_ID)
    secrets.insert(0, b"another's")
    theirs = DeleteTokens("another's", None).token("results", NO_SUCH_ID)
    assert replica.is_right("results", NO_SUCH_ID, theirs)
    assert replica.is_right("results", NO_SUCH_ID, DeleteTokens("mine", None).token("results", NO_SUCH_ID))


def test_wrong_tokens_do_not_make_the_store_be_asked_again_and_again():
    asked = []
    replica = DeleteTokens(None, SimpleNamespace(secrets=lambda: asked.append(1) or [b"secret"]))
    assert not any(replica.is_right("results", NO_SUCH_ID, "0" * 64) for _ in range(100))
    assert len(asked) == 1


def test_a_short_secret_is_refused_and_no_secret_is_shown(monkeypatch):
    monkeypatch.setenv("APP_CHECK", "off")
    monkeypatch.setenv("DELETE_SECRET", "hunter2")
    with pytest.raises(SettingsError, match=r"^DELETE_SECRET: .*32 ") as refusal:
        Settings.load()
    assert "hunter2" not in str(refusal.value)
    monkeypatch.setenv("DELETE_SECRET", "hunter2" * 5)
    assert "hunter2" not in repr(Settings.load())
