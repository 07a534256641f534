"""HTTP as a client has it: what every error looks like, and requests that no library would send."""

import socket
from urllib.parse import urlsplit

import requests

#: Names nothing, in the form of what names something.
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"


def assert_error(response: requests.Response, status: int) -> str:
    """It has the status and the form of every error; returns its sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["detail"]
    sentence = response.json()["detail"]
    assert sentence and sentence[-1] == "." and "Traceback" not in sentence
    return sentence


def exchange(url: str, request: bytes) -> tuple[int, dict, bytes]:
    """Send raw bytes; the answer's status, headers and body."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(request)
        return read_answer(client)


def read_answer(client: socket.socket) -> tuple[int, dict, bytes]:
    with client.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, stream.read(int(headers["content-length"]))
