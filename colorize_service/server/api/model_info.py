"""``GET /model``."""

from dataclasses import asdict

from flask import Blueprint, Response

from colorize_service.server.api.operations import operation, success
from colorize_service.server.api.schemas import LoadedModel, Size, answer
from colorize_service.server.parts import parts

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
@operation("Service", success(LoadedModel, "Cache-Control"))
def model() -> Response:
    """Which model is loaded?

    What it is, where it runs, and which fields `POST /colorize` takes beside the photo, with their defaults.
    """
    loaded = parts().engine.loaded()
    runs, manifest = loaded.colorizer.model, loaded.manifest
    width, height = runs.processing_size(1, 1)
    defaults = asdict(runs.defaults)
    body = LoadedModel(
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        device=runs.device,
        precision=manifest.precision,
        processing_size=Size(width=width, height=height),
        fields={name: defaults[name] for name in runs.takes},
    )
    return answer(body, headers={"Cache-Control": "no-store"})
