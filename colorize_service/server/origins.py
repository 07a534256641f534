"""Origins whose pages may call the API: as the operator writes them, and as flask-cors compares them."""

import re
from collections.abc import Sequence

_ORIGIN = re.compile(
    r"\*|null|[a-z][a-z0-9+.-]*://(?:(?:\*\.)?[a-z0-9_.-]*[a-z0-9]|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_LABELS = r"(?:[a-z0-9_-]+\.)+"


def is_origin(text: str) -> bool:
    """Whether it is ``*``, an origin (scheme, host, and a port that is not the scheme's own), or ``null``.

    The host may begin with ``*.``, for all names below the rest and not that itself.
    """
    return _ORIGIN.fullmatch(text) is not None


def for_flask_cors(origins: Sequence[str]) -> str | list[re.Pattern[str]]:
    """Expressions that match these origins whole, or ``*``.

    flask-cors takes a text for a regular expression if it looks like one to it, and then compares its begin only.
    """
    if "*" in origins:
        return "*"
    return [re.compile(re.escape(each).replace(r"\*\.", _LABELS) + r"\Z", re.IGNORECASE) for each in origins]
