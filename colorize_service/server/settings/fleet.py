"""The broker on which photos wait for workers on any machine."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator


class FleetSettings(BaseModel):
    """What the service and its workers share."""

    broker_url: SecretStr | None = Field(
        default=None,
        description="Redis, Valkey (`redis://`) or RabbitMQ (`amqp://`) on which photos wait for `colorize worker` "
        "on any machine; unset: this process colorizes them.",
    )
    reply_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey on which workers answer; needed where `BROKER_URL` is RabbitMQ.",
    )
    max_queued: int = Field(
        default=1000, ge=1, description="Photos that may wait on the broker, of all processes; beyond: `503` at once."
    )
    max_attempts: int = Field(
        default=3, ge=1, description="Times that a photo on the broker is begun, if workers end with it in work."
    )
    work_timeout: float = Field(
        default=120,
        gt=0,
        description="Longest time that a photo on the broker may be in work, in seconds, with all attempts.",
    )

    @field_validator("broker_url", "reply_url")
    @classmethod
    def _broker(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            schemes = ("redis", "rediss", *(("amqp", "amqps") if info.field_name == "broker_url" else ()))
            parts = urlsplit(value.get_secret_value())
            _ = parts.port  # raises for what is no port
            if parts.scheme not in schemes or not parts.hostname:
                raise ValueError(f"takes an address that begins with {' or '.join(f'{name}://' for name in schemes)}")
        return value

    @model_validator(mode="after")
    def _replies_beside_rabbitmq(self) -> Self:
        if self.broker.startswith("amqp") and self.reply_url is None:
            raise ValueError("REPLY_URL is missing: workers answer on Redis or Valkey where BROKER_URL is RabbitMQ")
        return self

    @property
    def broker(self) -> str:
        """``broker_url``, with its password; empty where there is none."""
        return self.broker_url.get_secret_value() if self.broker_url else ""

    @property
    def replies(self) -> str:
        """Where workers answer, with its password; empty where there is no broker."""
        return self.reply_url.get_secret_value() if self.reply_url else self.broker
