"""How a bucket is reached: its client, which does not wait for ever, and what its errors say."""

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from colorize_service.server.storage.store import StoreUnavailable

#: Most seconds for a connection.
CONNECT_TIMEOUT = 2
#: The reason of who gets no answer at all.
AWAY = "it cannot be reached"
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "GOOGLE_BASE_URL")
_STATUS = re.compile(r"non-2xx status code: (\d{3} [A-Z][A-Za-z ]*[a-z])")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")


def connect(url: str, retries: int, timeout: float, read_timeout: float) -> S3Store | GCSStore | AzureStore:
    """A client of the bucket at this address; nothing is asked yet.

    Args:
        retries: so many tries more of what fails before ``read_timeout`` has passed.
        timeout: most seconds of one try.
        read_timeout: most seconds of one try in which nothing comes; while a file is sent nothing does.

    Raises:
        ValueError: if the environment has settings of the provider that cannot be used.
    """
    # A request is signed, but what it brings could be read on the way; so only where the operator has written `http:`.
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    how: dict[str, Any] = {
        "client_options": {
            "allow_http": plain,
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT),
            "read_timeout": timedelta(seconds=read_timeout),
            "timeout": timedelta(seconds=timeout),
        },
        "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=read_timeout)},
    }
    if urlsplit(url).scheme == "s3":  # not all that speak S3 delete several files at once, which obstore asks for
        how["config"] = {"disable_bulk_delete": True}
    try:
        return from_url(url, **how)  # type: ignore[return-value]  # by the scheme it is one of these
    except BaseError as error:
        raise ValueError(_without_credentials(str(error).partition("\n")[0])) from None


@contextlib.contextmanager
def as_ours() -> Iterator[None]:
    """Make what the store's client raises ours; FileNotFoundError stays."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        # Not `from error`: what a store answers may name keys.
        raise StoreUnavailable(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """What went wrong, without anything that a store or an address could have of credentials in it."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    said = " ".join(match[1] for match in (status, code) if match)
    if said:
        return f"it answered {said}"
    return AWAY if "HTTP error" in text else type(error).__name__


def _without_credentials(text: str) -> str:
    for name, value in os.environ.items():
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) and len(value) > 3:
            text = text.replace(value, f"({name})")
    return text
