"""Clients that send numbered photos, each until it has its result, and what they were answered."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import requests
from PIL import Image

#: Seconds that a client waits after an answer without a result.
PAUSE = 0.5
#: An answer that takes more seconds is one that a failure has held up.
SLOW = 4.0

_BLOCK, _ROWS, _COLUMNS = 16, 4, 6


def numbered(number: int) -> bytes:
    """A JPEG of 96×64 that says a number below 2²⁴: a block for each bit, dark or bright."""
    bits = np.array([number >> bit & 1 for bit in range(_ROWS * _COLUMNS)], np.uint8).reshape(_ROWS, _COLUMNS)
    image = Image.fromarray(np.kron(60 + 120 * bits, np.ones((_BLOCK, _BLOCK), np.uint8)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def number_of(jpeg: bytes) -> int:
    """The number that a photo, or its result, says."""
    luma = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), np.float64)
    blocks = luma.reshape(_ROWS, _BLOCK, _COLUMNS, _BLOCK).mean((1, 3)).ravel()
    return sum(1 << bit for bit, level in enumerate(blocks) if level > 120)


@dataclass(frozen=True)
class Answer:
    """Of one request.

    Attributes:
        began, ended: on the monotonic clock, in seconds.
        status: 0: the connection broke.
        documented: whether it is of the form that the API's document has for this status.
    """

    began: float
    ended: float
    status: int
    documented: bool


class Clients:
    """Each sends so many photos, one after another, again and again until it has the result of each."""

    def __init__(self, url: str, clients: int, photos: int):
        self._url, self._photos = url, photos
        self.answers: list[Answer] = []
        self.results: list[tuple[int, str]] = []  # the photos' numbers, and links
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]
        self.total = clients * photos

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have all their results."""
        for thread in self._threads:
            thread.join()

    def wait_for(self, share: float) -> None:
        """Wait until so large a share of all photos has its result."""
        while len(self.results) < share * self.total:
            time.sleep(0.02)

    def _run(self, client: int) -> None:
        with requests.Session() as session:
            for number in range(client * self._photos, (client + 1) * self._photos):
                while (link := self.send(session, numbered(number))) is None:
                    time.sleep(PAUSE)
                self.results.append((number, link))

    def add(self, session: requests.Session, number: int) -> None:
        """Send a further photo once, of a number that no client has."""
        if (link := self.send(session, numbered(number))) is not None:
            self.results.append((number, link))

    def send(self, session: requests.Session, jpeg: bytes) -> str | None:
        """Send a photo once; the link to its result, if it has one."""
        began = time.monotonic()
        try:
            response = session.post(f"{self._url}/colorize", files={"file": jpeg}, timeout=240)
        except requests.RequestException:
            self.answers.append(Answer(began, time.monotonic(), 0, False))
            return None
        answer = Answer(began, time.monotonic(), response.status_code, _is_documented(response))
        self.answers.append(answer)
        return response.json()["download_url"] if answer.status == 200 else None

    def lost(self) -> list[int]:
        """The photos whose link does not give their own picture."""

        def is_lost(item: tuple[int, str]) -> bool:
            response = requests.get(item[1], timeout=30)
            return response.status_code != 200 or number_of(response.content) != item[0]

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(is_lost, self.results))
        return [number for (number, _), lost in zip(self.results, found, strict=True) if lost]

    def longest_pause(self, since: float) -> float:
        """Most seconds between two results, of those that came after this time."""
        ends = sorted(each.ended for each in self.answers if each.status == 200 and each.ended > since)
        return float(max(np.diff([since, *ends])))

    def recovered(self, since: float) -> float:
        """Seconds after this time until each answer is a result again, and none takes longer than :data:`SLOW`."""
        held_up = [each.ended for each in self.answers if each.status != 200 or each.ended - each.began > SLOW]
        return max([0.0, *(ended - since for ended in held_up)])

    def slowest(self) -> float:
        """Seconds of the slowest result."""
        return max(each.ended - each.began for each in self.answers if each.status == 200)


def _is_documented(response: requests.Response) -> bool:
    try:
        body = response.json()
    except ValueError:
        return False
    if response.status_code == 200:
        return set(body) == {"success", "result_id", "download_url", "api_download_url", "filename"}
    if response.status_code == 503 and not response.headers.get("Retry-After", "").isdigit():
        return False
    return response.status_code in (500, 503) and set(body) == {"detail"} and bool(body["detail"])
