"""Debian's nginx in front of the service, with deploy/nginx.conf on a port of its own."""

import signal
import socket
import subprocess
from pathlib import Path

from tests.support import needs
from tests.support.service import ADDRESSES, ROOT, free_port, wait_until

_MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Nginx:
    """``with Nginx(folder, service_port) as nginx``: forwards ``nginx.url`` to the service, or to several."""

    def __init__(self, folder: Path, *service_ports: int, **changes: str):
        program = needs.program("nginx", package="nginx-light")
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ADDRESSES.add(f"{self.url}/")
        site = (ROOT / "deploy" / "nginx.conf").read_text()
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "server 127.0.0.1:7860;": "\n".join(f"server 127.0.0.1:{port};" for port in service_ports),
        } | changes
        for old, new in changes.items():
            assert site.count(old) == 1, old
            site = site.replace(old, new)
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        self._command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)]

    def __enter__(self) -> "Nginx":
        with open(self.folder / "nginx.log", "wb") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            wait_until(self._listens, 10, (self.folder / "nginx.log").read_text)
        except BaseException:
            self.__exit__()
            raise
        return self

    def reload(self) -> None:
        """Let it read its configuration again: other processes answer from now on."""
        self.process.send_signal(signal.SIGHUP)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
