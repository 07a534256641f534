"""How many photos each app may send in a time: Flask-Limiter, where the operator has set a rate."""

import ipaddress
import math
import time

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse_many
from werkzeug.exceptions import TooManyRequests


class Rates:
    """Counts requests by whom they come from, in a moving window.

    Imported only where a rate is set.
    """

    def __init__(self, app: Flask, rate: str, shared: str | None):
        """
        Args:
            rate: such as ``60/minute; 1000/day``, in the words of the library ``limits``.
            shared: the address of the Redis in which all replicas count; None: each process counts what comes to it.
        """
        self._rate = rate
        self._limiter = Limiter(
            lambda: whom("", request.remote_addr),
            app=app,
            storage_uri=shared or "memory://",
            storage_options={"socket_timeout": 3, "socket_connect_timeout": 2} if shared else {},
            strategy="moving-window",
            # Without that Redis nobody is refused for a rate; photos are, until it is back.
            swallow_errors=bool(shared),
        )

    def count(self, app_id: str) -> None:
        """Count the current request.

        Args:
            app_id: that its token was issued to; empty without App Check.

        Raises:
            TooManyRequests: if it is over the rate.
        """
        try:
            with self._limiter.shared_limit(
                self._rate, scope="photos", key_func=lambda: whom(app_id, request.remote_addr)
            ):
                return
        except RateLimitExceeded as error:
            current = self._limiter.current_limit
            seconds = 1 if current is None else max(1, math.ceil(current.reset_at - time.time()))
            raise TooManyRequests(
                f"Too many photos in a short time: the limit is {error.limit.limit}.", retry_after=seconds
            ) from None


def check_rate(rate: str) -> None:
    """Whether this is a rate.

    Raises:
        ValueError: if it is none.
    """
    try:
        parse_many(rate)
    except ValueError:
        raise ValueError(
            "takes a number and a time, such as 60/minute, or several with semicolons between them"
        ) from None


def whom(app_id: str, address: str | None) -> str:
    """Whom a request counts for: the app that its token was issued to, else the client's address.

    Of an IPv6 address only the network counts, since a client has all addresses of it.
    """
    if app_id or address is None:
        return app_id
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
