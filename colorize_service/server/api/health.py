"""``GET /health``."""

from flask import Blueprint, jsonify

from colorize_service.server.parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health():
    """``200`` once the model is loaded, else ``503`` with the reason."""
    problem = parts().engine.problem
    if problem is None:
        response = jsonify(status="healthy", model_loaded=True)
    else:
        response = jsonify(status="unhealthy", model_loaded=False, detail=problem.sentence)
        response.status_code = 503
        response.headers["Retry-After"] = str(problem.retry_after)
    response.headers["Cache-Control"] = "no-store"
    return response
