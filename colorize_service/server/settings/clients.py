"""Who may call the service, and how often; and what its page needs for that."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from colorize_service.server.settings.values import AbsoluteUrl, CommaSeparated

APP_CHECK_JWKS_URL = "https://firebaseappcheck.googleapis.com/v1/jwks"


class ClientSettings(BaseModel):
    """Firebase App Check for apps and for the page, and rates."""

    app_check: bool = Field(
        default=True, description="`on`: clients need a Firebase App Check token; `off`: nobody does."
    )
    firebase_project_id: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9:.-]*$",
        description="Firebase project whose App Check tokens are accepted; needed unless `APP_CHECK=off`.",
    )
    app_check_jwks_url: AbsoluteUrl = Field(
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
        list[Annotated[str, Field(pattern=r"^https?://[^\s;,]+$")]], NoDecode, CommaSeparated
    ] = Field(
        default=[], description="Origins whose pages may show this one in a frame, separated by commas; unset: none."
    )

    rate_limit: str | None = Field(
        default=None,
        description="Most photos and uploads of each app, or of each address without App Check, such as "
        "`60/minute; 1000/day`; beyond: `429`. Without a broker each process counts on its own. Unset: no limit.",
    )

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is not None:
            from colorize_service.server.rates import check_rate  # here: its libraries are for those who set a rate

            check_rate(value)
        return value

    @model_validator(mode="after")
    def _project_for_app_check(self) -> Self:
        if self.app_check and not self.firebase_project_id:
            raise ValueError(
                "FIREBASE_PROJECT_ID is missing: set it to the Firebase project whose App Check tokens clients "
                "send, or set APP_CHECK=off to serve everybody without a token"
            )
        return self

    @property
    def missing_for_page(self) -> list[str]:
        """The variables without which the page cannot get App Check tokens."""
        needed = ("firebase_web_api_key", "firebase_web_app_id", "recaptcha_site_key")
        return [name.upper() for name in needed if self.app_check and not getattr(self, name)]
