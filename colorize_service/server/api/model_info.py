"""``GET /model``."""

from flask import Blueprint, Response

from colorize_service.server.api.operations import operation, success
from colorize_service.server.api.schemas import LoadedModel, Size, answer
from colorize_service.server.parts import parts

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
@operation("Service", success(LoadedModel, "Cache-Control"))
def model() -> Response:
    """Which model is loaded?

    What it is, where it runs, which fields `POST /colorize` takes beside the photo, with their defaults, and whether
    there are likely colours to ask for.
    """
    model = parts().engine.describe()
    width, height = model.processing_size
    body = LoadedModel(
        name=model.name,
        version=model.version,
        kind=model.kind,
        device=model.device,
        precision=model.precision,
        processing_size=Size(width=width, height=height),
        fields=dict(model.fields),
        likely_colors=model.suggests,
    )
    return answer(body, headers={"Cache-Control": "no-store"})
