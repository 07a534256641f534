"""Where the service listens, what it is called, and whose pages may call it."""

from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from colorize_service.server.origins import is_origin
from colorize_service.server.settings.values import AbsoluteUrl, CommaSeparated, ListenAddress


class AddressSettings(BaseModel):
    """The service's own address, proxies in front of it, and origins beside it."""

    host: ListenAddress = Field(default="0.0.0.0", description="Address to listen on.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port to listen on.")
    public_base_url: AbsoluteUrl | None = Field(
        default=None,
        description="Base of the links in answers, such as `https://api.example.com`; unset: as the client called.",
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=10, description="Number of proxies in front whose `X-Forwarded-*` headers are believed."
    )
    cors_origins: Annotated[list[str], NoDecode, CommaSeparated] = Field(
        default=["*"],
        min_length=1,
        description="Origins whose pages may call the API, separated by commas; `*` for any, `https://*.example.com` "
        "for those below a name.",
    )

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for each in value:
            if not is_origin(each):
                raise ValueError(f"{each} is no origin, such as https://example.com or http://localhost:3000")
        return value
