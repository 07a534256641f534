"""Forwarded headers of the proxies that the operator trusts, as far as they can be right."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Characters that a host with its port, or a prefix, may have.
LONGEST = 260

# With two slashes at the begin, or a backslash, a link below it would be another host's.
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+/?")


def _is_host(value: str) -> bool:
    return len(value) <= LONGEST and host_is_trusted(value)


def _is_prefix(value: str) -> bool:
    return len(value) <= LONGEST and _PREFIX.fullmatch(value) is not None


_RULES: dict[str, Callable[[str], bool]] = {
    "HTTP_X_FORWARDED_HOST": _is_host,
    "HTTP_X_FORWARDED_PREFIX": _is_prefix,
    "HTTP_X_FORWARDED_PROTO": {"http", "https"}.__contains__,
}


class TrustedProxies:
    """A WSGI middleware: werkzeug's ProxyFix, which believes whatever stands in the headers, for those that are well
    formed. One that is not counts as missing."""

    def __init__(self, app: "WSGIApplication", hops: int):
        """
        Args:
            hops: number of trusted proxies, each of which adds its own value at the end; at least 1.
        """
        self._hops = hops
        self._app = ProxyFix(app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        for name, is_well_formed in _RULES.items():
            values = parse_list_header(environ.get(name, ""))
            if len(values) >= self._hops and not is_well_formed(values[-self._hops]):
                del environ[name]
        return self._app(environ, start_response)
