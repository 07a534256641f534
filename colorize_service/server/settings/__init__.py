"""Every setting of the service: typed, read from environment variables, checked at start.

Each module has those of a subject.
"""

import os
from typing import Any, Self, get_args

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from colorize_service.server.settings.addresses import AddressSettings
from colorize_service.server.settings.clients import APP_CHECK_JWKS_URL, ClientSettings
from colorize_service.server.settings.connections import ConnectionSettings
from colorize_service.server.settings.figures import FigureSettings
from colorize_service.server.settings.fleet import FleetSettings
from colorize_service.server.settings.model import ModelSettings
from colorize_service.server.settings.storage import StorageSettings
from colorize_service.server.settings.work import WorkSettings

__all__ = ["APP_CHECK_JWKS_URL", "Settings", "SettingsError"]


class SettingsError(Exception):
    """A setting has an unusable value; the message names each variable and what it takes."""


# In the reverse order of docs/settings.md: the fields of the last base come first.
class Settings(
    FigureSettings,
    ConnectionSettings,
    FleetSettings,
    WorkSettings,
    ModelSettings,
    StorageSettings,
    ClientSettings,
    AddressSettings,
    BaseSettings,
):
    """The settings; each field is read from the environment variable of its name in capitals.

    Durations are in seconds, sizes in bytes, ``max_pixels`` in pixels of the picture that is sent.
    An empty variable counts as unset. Use :meth:`load`, whose errors are sentences.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.metrics_port == self.port and "metrics_port" not in self.model_fields_set:
            raise ValueError(
                f"PORT={self.port}: the figures are there by default; set METRICS_PORT to another port, or to "
                f"{self.port} if all who reach the service may read them"
            )
        return self

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the environment.

        Args:
            values: of fields, instead of those in the environment.

        Raises:
            SettingsError: with one line for each variable that cannot be used, and what it takes.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            items = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
            raise SettingsError("\n".join(_sentence(cls, item) for item in items)) from None


def _sentence(settings: type[Settings], item: ErrorDetails) -> str:
    message: str = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = str(item["loc"][0])
    field = settings.model_fields[name]
    # An address of a bucket may have credentials in it by mistake.
    secret = name == "storage_url" or SecretStr in (field.annotation, *get_args(field.annotation))
    value = "" if secret else f"={os.environ.get(name.upper(), item['input'])}"
    return f"{name.upper()}{value}: {message}. {field.description}"
