"""``GET /health`` and ``GET /live``."""

from flask import Blueprint, Response

from colorize_service.server.api.operations import operation, success, unavailable
from colorize_service.server.api.schemas import Alive, Healthy, Unhealthy, answer
from colorize_service.server.parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
@operation("Service", success(Healthy, "Cache-Control") | unavailable(Unhealthy))
def health() -> Response:
    """Is the service ready?

    `503` from when the port is open until the model is loaded.
    """
    problem = parts().engine.problem
    if problem is None:
        return answer(Healthy(status="healthy", model_loaded=True), headers={"Cache-Control": "no-store"})
    return answer(
        Unhealthy(status="unhealthy", model_loaded=False, detail=problem.sentence),
        503,
        {"Cache-Control": "no-store", "Retry-After": str(problem.retry_after)},
    )


@blueprint.get("/live")
@operation("Service", success(Alive, "Cache-Control"))
def live() -> Response:
    """Is this process alive?

    `200` whatever else is missing: who starts processes anew asks here, and not for the model, a broker or a store.
    """
    return answer(Alive(status="alive"), headers={"Cache-Control": "no-store"})
