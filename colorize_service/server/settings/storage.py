"""Where uploads and results are kept, for how long, and how much of them."""

import os
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator


class StorageSettings(BaseModel):
    """The folder or bucket of pictures."""

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

    @model_validator(mode="after")
    def _a_bucket_has_its_own_limits(self) -> Self:
        if self.storage_url and self.storage_quota is not None:
            raise ValueError("STORAGE_QUOTA bounds a folder and not a bucket: unset it where STORAGE_URL is set")
        if self.storage_redirect and not self.storage_url:
            raise ValueError("STORAGE_REDIRECT=on needs a bucket, STORAGE_URL")
        return self

    @property
    def lifetime(self) -> float | None:
        """Seconds for which pictures are kept; None: for ever."""
        return None if self.retention_days is None else self.retention_days * 24 * 3600
