"""``python -m benchmarks.alternatives.fastapi_app PORT FOLDER``: the model behind FastAPI."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, UploadFile
from fastapi.staticfiles import StaticFiles

from benchmarks.alternatives.simple import SimpleColorizer


def make_app(folder: Path) -> FastAPI:
    """An application that keeps its results in ``folder``."""
    app, colorizer = FastAPI(), SimpleColorizer(folder)

    @app.post("/colorize")
    def colorize(request: Request, file: UploadFile) -> dict[str, object]:
        result_id = colorizer.colorize(file.file.read())
        url = str(request.url_for("results", path=f"{result_id}.jpg"))
        return {"success": True, "result_id": result_id, "download_url": url}

    app.mount("/results", StaticFiles(directory=folder), name="results")
    return app


if __name__ == "__main__":
    uvicorn.run(make_app(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="warning")
