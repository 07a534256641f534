"""The HTTP API: a blueprint for each noun of the contract, and JSON for every error."""

from flask import Flask

from colorize_service.server.api import (
    colorize,
    colors,
    errors,
    forms,
    health,
    jobs,
    metrics,
    model_info,
    openapi,
    paths,
    results,
    uploads,
)
from colorize_service.server.parts import parts_of


def init_app(app: Flask) -> None:
    """Register the blueprints and the error handlers."""
    paths.init_app(app)
    for module in (health, model_info, uploads, colorize, colors, results, openapi):
        app.register_blueprint(module.blueprint)
    if parts_of(app).jobs is not None:
        app.register_blueprint(jobs.blueprint)
    app.teardown_request(forms.let_go)
    metrics.init_app(app)
    errors.init_app(app)
