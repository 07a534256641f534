"""``GET /model``."""

from flask import Blueprint, current_app, jsonify

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
def model():
    """What is loaded, where it runs, and which form fields ``POST /colorize`` takes, with their defaults."""
    response = jsonify(current_app.engine.describe())
    response.headers["Cache-Control"] = "no-store"
    return response
