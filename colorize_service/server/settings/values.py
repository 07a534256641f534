"""Kinds of values that several settings take."""

import socket
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator


def _comma_separated(value: object) -> object:
    return [item.strip().rstrip("/") for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _address(value: str) -> str:
    value = value.removeprefix("[").removesuffix("]")
    try:
        socket.getaddrinfo(value, None)
    except (OSError, UnicodeError):
        raise ValueError("takes an IP address or the name of this machine") from None
    return value


def _absolute_url(value: str) -> str:
    parts = urlsplit(value)
    _ = parts.port  # raises for what is no port
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("takes an absolute http or https URL without query and fragment")
    return value.rstrip("/")


#: Items with commas between them; the field is ``NoDecode``, or pydantic-settings would read JSON.
CommaSeparated = BeforeValidator(_comma_separated)
#: What a server can listen on; an IPv6 address with or without its brackets.
ListenAddress = Annotated[str, AfterValidator(_address)]
#: The base of other addresses, without a slash at its end.
AbsoluteUrl = Annotated[str, AfterValidator(_absolute_url)]
