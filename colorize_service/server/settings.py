"""Every setting of the service: typed, read from environment variables, checked at start."""

import os
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.inference.model import GPU_BATCH
from colorize_service.options import JPEG_QUALITY, MOST_STEPS
from colorize_service.process import available_cpus
from colorize_service.server.origins import is_origin

APP_CHECK_JWKS_URL = "https://firebaseappcheck.googleapis.com/v1/jwks"


Share = Annotated[float, Field(ge=0, le=1)]


class SettingsError(Exception):
    """A setting has an unusable value; the message names each variable and what it takes."""


def _comma_separated(value: object) -> object:
    return [item.strip().rstrip("/") for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _interval(value: object) -> object:
    if not isinstance(value, str):
        return value
    ends = [end.strip() for end in value.split("-")]
    if len(ends) != 2:
        raise ValueError("takes two shares of 1 with a dash between them")
    return ends


def _share_of_cpus(values: dict[str, int]) -> int:
    return max(1, available_cpus() // values.get("workers", 1))


class Settings(BaseSettings):
    """The settings; each field is read from the environment variable of its name in capitals.

    Durations are in seconds, sizes in bytes, ``max_pixels`` in pixels of the picture that is sent.
    An empty variable counts as unset. Use :meth:`load`, whose errors are sentences.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = Field(default="0.0.0.0", description="Address to listen on.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port to listen on.")
    public_base_url: str | None = Field(
        default=None,
        description="Base of the links in answers, such as `https://api.example.com`; unset: as the client called.",
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=10, description="Number of proxies in front whose `X-Forwarded-*` headers are believed."
    )
    cors_origins: Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)] = Field(
        default=["*"],
        min_length=1,
        description="Origins whose pages may call the API, separated by commas; `*` for any, `https://*.example.com` "
        "for those below a name.",
    )

    app_check: bool = Field(
        default=True, description="`on`: clients need a Firebase App Check token; `off`: nobody does."
    )
    firebase_project_id: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9:.-]*$",
        description="Firebase project whose App Check tokens are accepted; needed unless `APP_CHECK=off`.",
    )
    app_check_jwks_url: str = Field(
        default=APP_CHECK_JWKS_URL, description="Where the App Check public keys are fetched."
    )
    app_check_consume: bool = Field(
        default=False,
        description="`on`: a token is good for one photo or upload; needs a service account, and Firebase is asked.",
    )
    firebase_web_api_key: str | None = Field(
        default=None,
        description="API key of the Firebase project's web app; the page needs it where `APP_CHECK` is on.",
    )
    firebase_web_app_id: str | None = Field(
        default=None, description="App id of the Firebase project's web app; the page needs it where `APP_CHECK` is on."
    )
    recaptcha_site_key: str | None = Field(
        default=None,
        description="Site key of the reCAPTCHA that the web app has in App Check; the page needs it where "
        "`APP_CHECK` is on.",
    )
    recaptcha_kind: Literal["v3", "enterprise"] = Field(default="v3", description="Kind of that reCAPTCHA.")
    page_frame_ancestors: Annotated[
        list[Annotated[str, Field(pattern=r"^https?://[^\s;,]+$")]], NoDecode, BeforeValidator(_comma_separated)
    ] = Field(
        default=[], description="Origins whose pages may show this one in a frame, separated by commas; unset: none."
    )

    rate_limit: str | None = Field(
        default=None,
        description="Most photos and uploads of each app, or of each address without App Check, such as "
        "`60/minute; 1000/day`; beyond: `429`. Without a broker each process counts on its own. Unset: no limit.",
    )

    storage_url: str | None = Field(
        default=None,
        description="Bucket for uploads and results, such as `s3://bucket/prefix`, `gs://…` or `az://…`; the "
        "provider's own variables have endpoint, region and credentials. Unset: the folder `STORAGE_DIR`.",
    )
    storage_redirect: bool = Field(
        default=False,
        description="`on`: who asks for a public picture is sent to the bucket, by a signed link that is good for "
        "minutes.",
    )
    storage_dir: Path = Field(
        default=Path("data"), description="Folder for uploads and results; shared by all replicas."
    )
    retention_days: float | None = Field(
        default=None,
        gt=0,
        le=36500,
        description="Days for which uploads and results are kept; `colorize clean` deletes what is older. Unset: for "
        "ever.",
    )
    delete_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret, at least 32 characters, of which the tokens are made that let clients delete their "
        "pictures; another one makes those before void. Unset: a random one, kept beside the pictures.",
    )
    storage_min_free: int = Field(
        default=256 * 2**20,
        ge=0,
        description="Bytes of that disk that stay free, or a twentieth of it if that is less: what would take them is "
        "not stored, `503`.",
    )
    storage_quota: int | None = Field(
        default=None,
        ge=2**20,
        description="Most bytes of all uploads and results together, beyond: `503`; unset: no limit.",
    )
    model_bundle: Path = Field(
        default=EMBEDDED_BUNDLE, description="Folder of the model bundle; unset: the embedded model."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="`cuda` demands a GPU, `auto` takes one if it works, `cpu` takes none."
    )

    preset: Literal["reference", "fast", "cpu"] = Field(
        default="reference",
        description="How ColorizeNet samples: `reference` as its author does, `fast` in 10 steps, `cpu` "
        "in few steps at 256×256.",
    )
    max_steps: int = Field(
        default=MOST_STEPS, ge=1, le=MOST_STEPS, description="Most `steps` that a request may ask for; above: `400`."
    )
    guidance_interval: Annotated[tuple[Share, Share] | None, NoDecode, BeforeValidator(_interval)] = Field(
        default=None,
        description="From which to which share of ColorizeNet's sampling it is guided, such as `0.2-0.8`; unset: "
        "as the preset has it.",
    )
    max_batch: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description=f"Photos that ColorizeNet works on together if they wait; unset: {GPU_BATCH} on a GPU, 1 on a CPU.",
    )

    max_upload_bytes: int = Field(
        default=32 * 2**20, ge=1024, description="Largest request body in bytes; above: `413`."
    )
    max_held_bytes: int = Field(
        default=256 * 2**20,
        ge=1024,
        description="Bytes of requests that a worker holds at a time while they come and wait, `MAX_UPLOAD_BYTES` "
        "at least; beyond: `503`.",
    )
    max_pixels: int = Field(default=50_000_000, ge=1, description="Largest picture in pixels; above: `400`.")
    jpeg_quality: int = Field(
        default=JPEG_QUALITY,
        ge=50,
        le=100,
        description="JPEG quality of stored pictures; from 96 on the encoder keeps the luminance most exactly.",
    )

    workers: int = Field(default=1, ge=1, description="Worker processes; each holds one copy of the model.")
    max_in_work: int = Field(
        default_factory=_share_of_cpus,
        ge=1,
        description="Photos in work at a time in a worker, and as many uploads beside them; unset: the CPU cores "
        "divided by `WORKERS`. With ColorizeNet twice `MAX_BATCH` photos if that is more.",
    )
    max_waiting: int = Field(default=32, ge=0, description="Photos that may wait in a worker; beyond: `503` at once.")
    queue_timeout: float = Field(default=60, gt=0, description="Longest wait of a photo for its turn, in seconds.")
    onnx_threads: int = Field(
        default_factory=_share_of_cpus,
        ge=1,
        description="ONNX Runtime threads of a worker; unset: the CPU cores divided by `WORKERS`.",
    )
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

    threads: int = Field(
        default=16, ge=1, description="Request threads that a worker keeps; others come and go as they are needed."
    )
    connections: int = Field(
        default=1000,
        ge=10,
        le=100_000,
        description="Connections of a worker, idle ones among them; beyond, those that have been idle longest, and "
        "then the slowest, give way.",
    )
    body_timeout: float = Field(
        default=60, gt=0, description="Longest time a client may take to send its request body."
    )
    send_timeout: float = Field(
        default=120, gt=0, description="Longest time a client may go without taking anything of its answer."
    )
    header_timeout: float = Field(
        default=10, gt=0, description="Longest time a client may take to send its request headers."
    )
    keepalive: int = Field(
        default=75,
        ge=1,
        description="How long an idle connection is kept open; longer than the proxy in front keeps its own.",
    )
    header_fields: int = Field(default=100, ge=20, le=1000, description="Most headers of a request; beyond: `431`.")
    header_field_bytes: int = Field(
        default=16 * 2**10,
        ge=4 * 2**10,
        description="Largest header of a request in bytes, with its name; above: `431`, but `401` if it is the token.",
    )
    header_bytes: int = Field(
        default=64 * 2**10,
        ge=8 * 2**10,
        le=2**20,
        description="Largest headers of a request together, in bytes; above: `431`.",
    )
    graceful_timeout: int = Field(
        default=90, gt=0, description="How long a stopping server lets requests in work finish."
    )

    metrics_path: str = Field(
        default="/metrics", pattern=r"^/[A-Za-z0-9._~/-]+$", description="Path of the figures for Prometheus."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address to listen on for the figures.")
    metrics_port: int = Field(
        default=9464,
        ge=0,
        le=65535,
        description="Port of the figures alone; the same as `PORT`: there, for all who reach it; `0`: no figures.",
    )

    log_format: Literal["json", "text"] = Field(default="json", description="Log lines as JSON objects or for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )

    @field_validator("host", "metrics_host")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.removeprefix("[").removesuffix("]")
        try:
            socket.getaddrinfo(value, None)
        except (OSError, UnicodeError):
            raise ValueError("takes an IP address or the name of this machine") from None
        return value

    @field_validator("public_base_url", "app_check_jwks_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            _ = parts.port  # raises for what is no port
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                raise ValueError("takes an absolute http or https URL without query and fragment")
            value = value.rstrip("/")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for each in value:
            if not is_origin(each):
                raise ValueError(f"{each} is no origin, such as https://example.com or http://localhost:3000")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is not None:
            from colorize_service.server.rates import check_rate  # here: its libraries are for those who set a rate

            check_rate(value)
        return value

    @field_validator("guidance_interval")
    @classmethod
    def _rising(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError("takes the smaller share first")
        return value

    @field_validator("storage_url")
    @classmethod
    def _bucket(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            more = "@" in value or parts.query or parts.fragment  # than where it is
            if parts.scheme not in ("s3", "gs", "az") or not parts.netloc or more:
                raise ValueError("takes s3, gs or az, a bucket's name and perhaps a prefix, but no credentials")
        return value

    @field_validator("storage_dir")
    @classmethod
    def _writable_folder(cls, value: Path) -> Path:
        value = value.absolute()
        try:
            value.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"takes a folder that can be made: {error.strerror}") from error
        if not os.access(value, os.W_OK | os.X_OK):
            raise ValueError("takes a folder that this user may write to")
        return value

    @field_validator("model_bundle")
    @classmethod
    def _absolute_folder(cls, value: Path) -> Path:
        return value.absolute()

    @model_validator(mode="after")
    def _ports_differ(self) -> "Settings":
        if self.metrics_port == self.port and "metrics_port" not in self.model_fields_set:
            raise ValueError(
                f"PORT={self.port}: the figures are there by default; set METRICS_PORT to another port, or to "
                f"{self.port} if all who reach the service may read them"
            )
        return self

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
    def _replies_beside_rabbitmq(self) -> "Settings":
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

    @model_validator(mode="after")
    def _a_bucket_has_its_own_limits(self) -> "Settings":
        if self.storage_url and self.storage_quota is not None:
            raise ValueError("STORAGE_QUOTA bounds a folder and not a bucket: unset it where STORAGE_URL is set")
        if self.storage_redirect and not self.storage_url:
            raise ValueError("STORAGE_REDIRECT=on needs a bucket, STORAGE_URL")
        return self

    @model_validator(mode="after")
    def _project_for_app_check(self) -> "Settings":
        if self.app_check and not self.firebase_project_id:
            raise ValueError(
                "FIREBASE_PROJECT_ID is missing: set it to the Firebase project whose App Check tokens clients "
                "send, or set APP_CHECK=off to serve everybody without a token"
            )
        return self

    @property
    def lifetime(self) -> float | None:
        """Seconds for which pictures are kept; None: for ever."""
        return None if self.retention_days is None else self.retention_days * 24 * 3600

    @property
    def missing_for_page(self) -> list[str]:
        """The variables without which the page cannot get App Check tokens."""
        needed = ("firebase_web_api_key", "firebase_web_app_id", "recaptcha_site_key")
        return [name.upper() for name in needed if self.app_check and not getattr(self, name)]

    @classmethod
    def load(cls, **values: Any) -> "Settings":
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
