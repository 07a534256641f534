"""``python -m benchmarks.alternatives.litserve_app PORT FOLDER``: the model behind LitServe."""

import sys
from pathlib import Path

import litserve
from fastapi import Request
from fastapi.staticfiles import StaticFiles

from benchmarks.alternatives.simple import SimpleColorizer
from colorize_service.process import available_cpus


class ColorizeAPI(litserve.LitAPI):
    """Results are kept in ``folder`` and linked to at ``base``."""

    def __init__(self, folder: Path, base: str):
        super().__init__(api_path="/colorize")
        self._folder, self._base = folder, base

    def setup(self, device: str) -> None:
        self._colorizer = SimpleColorizer(self._folder)

    def decode_request(self, request: Request) -> bytes:
        data: bytes = request["file"].file.read()
        return data

    def predict(self, data: bytes) -> str:
        return self._colorizer.colorize(data)

    def encode_response(self, result_id: str) -> dict[str, object]:
        url = f"{self._base}/results/{result_id}.jpg"
        return {"success": True, "result_id": result_id, "download_url": url}


def main(port: int, folder: Path) -> None:
    api = ColorizeAPI(folder, f"http://127.0.0.1:{port}")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=available_cpus())
    server.app.mount("/results", StaticFiles(directory=folder), name="results")
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
