"""``GET /model``."""

from flask import Blueprint, jsonify

from colorize_service.server.parts import parts

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
def model():
    """What is loaded, where it runs, and which form fields ``POST /colorize`` takes, with their defaults."""
    response = jsonify(parts().engine.describe())
    response.headers["Cache-Control"] = "no-store"
    return response
