"""What a request can cost at most: the table of docs/limits.md, and what a worker can take in all.

The figures are bounds that the tests hold the running service to, and not what requests usually take. ``table()`` and
``WORKER`` are printed by ``python -m tests.support.limits``, as the documents must have them.
"""

import math
from dataclasses import dataclass, field

from colorize_service.server.settings import Settings

#: Settings that are not in the unit of the sums, which are in MB, megapixels and seconds.
UNITS = {"MAX_UPLOAD_BYTES": 2**20, "MAX_HELD_BYTES": 2**20, "MAX_PIXELS": 10**6}
#: What a client has sent, in MB: no setting bounds it while it is only listened to.
SENT = "MB sent"


@dataclass(frozen=True)
class Sum:
    """A bound that depends on settings: a constant, and products of settings by what each is multiplied with."""

    constant: float
    products: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        terms = [f"{self.constant:g}"] if self.constant or not self.products else []
        for product, factor in self.products.items():
            names = " × ".join(name if name == SENT else f"`{name}`" for name in product.split(" × "))
            terms.append(names if factor == 1 else f"{factor:g} × {names}")
        return " + ".join(terms)

    def value(self, settings: Settings, sent: float = 0.0) -> float:
        """The bound with these settings, where so many MB are sent."""

        def of(name: str) -> float:
            return sent if name == SENT else getattr(settings, name.lower()) / UNITS.get(name, 1)

        return self.constant + sum(
            factor * math.prod(map(of, product.split(" × "))) for product, factor in self.products.items()
        )


@dataclass(frozen=True)
class Row:
    """A kind of request.

    Attributes:
        what: for a person.
        memory: MB of the worker, for each of them at a time.
        cpu: seconds of processor time.
        threads, files: that it holds of the worker, beside those that are kept.
        disk: MB that it leaves, the log's lines among them.
        time: seconds from its connection, or from the last that came of it, to the end.
        bound: what bounds it.
    """

    what: str
    memory: Sum
    cpu: Sum
    threads: int
    files: int
    disk: Sum
    time: Sum
    bound: str


_LINE, _SHORT, _LITTLE = Sum(0.05), Sum(0.05), Sum(0.2)
_HEADERS = "`HEADER_BYTES`, `HEADER_FIELD_BYTES`, `HEADER_FIELDS`, a request line of 4,094 bytes"
_FORM = "2,000 fields, 1 MB of parts' headers (16 kB each), 500 kB of texts"
_AT_ONCE = Sum(1)
_WORK = Sum(0.2, {"MAX_PIXELS": 0.15, "MAX_UPLOAD_BYTES": 0.2})
_IN_ALL = Sum(0, {"BODY_TIMEOUT": 1, "QUEUE_TIMEOUT": 1, "MAX_PIXELS": 0.5})
_PICTURE = Sum(5, {"MAX_PIXELS": 30, "MAX_UPLOAD_BYTES": 3})
_RESULT = Sum(0.05, {"MAX_PIXELS": 2})

BEFORE = {
    "silent": Row(
        "connects and says nothing, or the beginning of its headers",
        *(Sum(0.02), Sum(0.02), 0, 1, Sum(0), Sum(1, {"HEADER_TIMEOUT": 1})),
        "`HEADER_TIMEOUT`, `CONNECTIONS`",
    ),
    "idle": Row(
        "stays after its answer",
        *(Sum(0.02), Sum(0.02), 0, 1, _LINE, Sum(2, {"KEEPALIVE": 1})),
        "`KEEPALIVE`, `CONNECTIONS`",
    ),
    "headers": Row(
        "headers as large as they may be, or larger: `431`", *(_LITTLE, _SHORT, 1, 3, _LINE, _AT_ONCE), _HEADERS
    ),
    "line": Row("a request line that cannot be read: `400`", *(_LITTLE, _SHORT, 1, 3, _LINE, _AT_ONCE), _HEADERS),
    "token": Row(
        "a token that is not valid, as long as it may be: `401`",
        *(_LITTLE, _SHORT, 1, 3, _LINE, Sum(3)),
        "8,192 characters; a key that is not known is waited for 2 s",
    ),
    "refused": Row(
        "a body without a valid token, or of a declared length that is too large: `401`, `413`",
        *(Sum(0.5), Sum(0.05, {SENT: 0.003}), 1, 3, _LINE, Sum(22)),
        "not read but listened to for 20 s, for 250 clients at a time",
    ),
    "chunks": Row(
        "a body without a valid token, in chunks of a byte",
        *(Sum(0.5), Sum(0.2, {SENT: 0.02}), 1, 3, _LINE, Sum(22)),
        "64 kB and an eighth of a body may be the lines between its chunks",
    ),
}
AFTER = {
    "slow": Row(
        "a body that stops in the middle or comes slowly: `400`",
        *(Sum(0.3, {SENT: 2}), Sum(0.05, {SENT: 0.01}), 1, 3, _LINE, Sum(2, {"BODY_TIMEOUT": 1})),
        "`BODY_TIMEOUT`, 500 bytes a second after 10 s, `MAX_HELD_BYTES`",
    ),
    "parts": Row(
        "a form with as many parts, and headers of parts, as it may have",
        *(Sum(5, {"MAX_UPLOAD_BYTES": 2}), Sum(1, {SENT: 0.05}), 1, 3, _RESULT, _IN_ALL),
        _FORM,
    ),
    "texts": Row(
        "a form with fields as large as they may be",
        *(Sum(10), Sum(0.5), 1, 3, _RESULT, _IN_ALL),
        f"{_FORM}; 50,000 characters of `hints`",
    ),
    "upload": Row(
        "`POST /upload`, as many bytes and pixels as there may be",
        *(_PICTURE, _WORK, 1, 5, Sum(0.05, {"MAX_PIXELS": 2, "MAX_UPLOAD_BYTES": 1}), _IN_ALL),
        "`MAX_UPLOAD_BYTES`, `MAX_PIXELS`, `MAX_IN_WORK`, `MAX_WAITING`, `QUEUE_TIMEOUT`; `STORAGE_QUOTA`, "
        "`STORAGE_MIN_FREE`",
    ),
    "colorize": Row(
        "`POST /colorize`, the same", *(_PICTURE, _WORK, 1, 5, _RESULT, _IN_ALL), "the same, and `MAX_STEPS`"
    ),
    "image_id": Row(
        "`POST /colorize` with `image_id`",
        *(_PICTURE, _WORK, 1, 5, _RESULT, _IN_ALL),
        "the same: an upload that is read counts for `MAX_HELD_BYTES`",
    ),
    "repeated": Row(
        "a `POST` repeated with its `Idempotency-Key`",
        *(Sum(0.3, {SENT: 2}), Sum(0.05, {SENT: 0.02}), 1, 4, Sum(0.06)),
        Sum(1, {"BODY_TIMEOUT": 1, "QUEUE_TIMEOUT": 1}),
        "255 characters; `QUEUE_TIMEOUT`, `MAX_HELD_BYTES`; an answer is kept for 24 hours",
    ),
    "colors": Row("`POST /colors`, the same photos", *(_PICTURE, _WORK, 1, 5, _LINE, _IN_ALL), "the same"),
    "hints": Row("`POST /colorize` with 100 hints", *(_PICTURE, _WORK, 1, 5, _RESULT, _IN_ALL), "100 hints"),
}
PUBLIC = {
    "file": Row(
        "`GET` of a stored file, whole or a range, conditional or not",
        *(_LITTLE, _SHORT, 1, 4, _LINE, _AT_ONCE),
        f"{_HEADERS}; one range, several are `416`",
    ),
    "reader": Row(
        "the same by a client that takes nothing of it",
        *(_LITTLE, _SHORT, 1, 4, _LINE, Sum(3, {"SEND_TIMEOUT": 1})),
        "`SEND_TIMEOUT`; 500 bytes a second in the long run",
    ),
    "delete": Row(
        "`DELETE` of a stored file, with the right token or a wrong one",
        *(_LITTLE, _SHORT, 1, 4, _LINE, _AT_ONCE),
        f"{_HEADERS}; nothing is looked up but the one file",
    ),
    "health": Row("`GET /health`, `/model`", *(_LITTLE, _SHORT, 1, 3, _LINE, _AT_ONCE), _HEADERS),
    "metrics": Row(
        "`GET /metrics`",
        *(_LITTLE, Sum(0.1), 1, 4, _LINE, _AT_ONCE),
        "`METRICS_HOST`: this machine alone; labels are routes, methods and statuses",
    ),
    "page": Row("the page, `/docs`, `/openapi.json`", *(_LITTLE, _SHORT, 1, 4, _LINE, _AT_ONCE), _HEADERS),
    "preflight": Row("a CORS preflight", *(_LITTLE, _SHORT, 1, 3, _LINE, _AT_ONCE), _HEADERS),
    "unknown": Row("unknown addresses and methods", *(_LITTLE, _SHORT, 1, 3, _LINE, _AT_ONCE), _HEADERS),
}
ROWS = BEFORE | AFTER | PUBLIC

#: MB of a worker in all, with the embedded model on a CPU.
WORKER = Sum(170, {"CONNECTIONS": 0.3, "MAX_IN_WORK × MAX_PIXELS": 60, "MAX_HELD_BYTES": 2})


def table(rows: dict[str, Row]) -> str:
    """These rows as docs/limits.md must have them."""
    lines = [
        "| request | memory, MB | processor, s | threads | files | disk, MB | time, s | what bounds it |",
        f"|{8 * '---|'}",
    ]
    for row in rows.values():
        cells = (row.what, row.memory, row.cpu, row.threads, row.files, row.disk, row.time, row.bound)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(BEFORE), table(AFTER), table(PUBLIC), WORKER, sep="\n")
