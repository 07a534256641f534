"""Debian's redis-server and rabbitmq-server on ports of their own."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import redis

from tests.support import needs
from tests.support.service import free_port, wait_until

PASSWORD = "s3cret-of-the-broker"


class RedisServer:
    """``with RedisServer(folder) as server``: keeps what it knows on the disk, as docs/fleet.md has it."""

    def __init__(self, folder: Path):
        self._program = needs.program("redis-server", package="redis-server")
        self.folder, self.port = folder, free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen | None = None

    def start(self) -> "RedisServer":
        """Start it, with what it knew when it was stopped, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes"]
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                [self._program, *options, "--requirepass", PASSWORD], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, 20, (self.folder / "redis.log").read_text)
        return self

    def client(self) -> redis.Redis:
        """A client of it."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.ping()
        except redis.ConnectionError:
            return False

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class RabbitServer:
    """``with RabbitServer(folder) as server``: a node of its own, without a cluster and without plugins."""

    def __init__(self, folder: Path):
        needs.program("rabbitmq-server", package="rabbitmq-server")
        # What Debian's own starts as another user, who may not write to the folders of tests.
        self._program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        self.folder, self.port, self._distribution = folder, free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def __enter__(self) -> "RabbitServer":
        (self.folder / "plugins").write_text("[].")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"colorize{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
        }
        with open(self.folder / "rabbitmq.log", "ab") as log:
            self.process = subprocess.Popen(
                [self._program], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._listens, 60, (self.folder / "rabbitmq.log").read_text)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)
