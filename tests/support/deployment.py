"""What is in ``deploy/``: read as its own programs read it, and held against the settings of the service."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from colorize_service.server.settings import Settings
from tests.support.service import ROOT

DEPLOY = ROOT / "deploy"

#: What the environment may have beside the service's own settings: the provider's of the store.
PROVIDERS = {"AWS_ENDPOINT", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
NAMES = {name.upper() for name in Settings.model_fields}

_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?:(:-|:\?)([^}]*))?\}")


def documents(name: str) -> list[Any]:
    """The documents of a YAML file in ``deploy/``."""
    return [each for each in yaml.safe_load_all((DEPLOY / name).read_text()) if each is not None]


def interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    """A document of Compose with ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?sentence}`` replaced.

    Raises:
        KeyError: with the sentence, as Compose stops with it.
    """
    if isinstance(value, dict):
        return {key: interpolated(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, environment) for each in value]

    def replace(match: re.Match[str]) -> str:
        found = environment.get(match[1], "")
        if not found and match[2] == ":?":
            raise KeyError(f"{match[1]}: {match[3]}")
        return found or (match[3] if match[2] == ":-" else "")

    return _VARIABLE.sub(replace, value) if isinstance(value, str) else value


def env_file(name: str) -> dict[str, str]:
    """The variables of a file of ``NAME=value`` in ``deploy/``."""
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def unknown(names: Iterable[str]) -> set[str]:
    """Those of the names that mean nothing to the service."""
    return set(names) - NAMES - PROVIDERS


def settings_of(environment: Mapping[str, str], patch: pytest.MonkeyPatch, worker: bool = False) -> Settings:
    """The settings as the service, or a worker, reads them from this environment.

    Raises:
        SettingsError: if it would not start.
    """
    for name in NAMES & set(os.environ):
        patch.delenv(name)
    for name, value in environment.items():
        patch.setenv(name, str(value))
    return Settings.load(app_check=False) if worker else Settings.load()


def seconds(text: str) -> int:
    """A duration as Compose and systemd write it, such as ``195s``, ``2min`` or ``195``."""
    number, unit = re.fullmatch(r"(\d+)(s|m|min|)", text).groups()
    return int(number) * (60 if unit.startswith("m") else 1)
