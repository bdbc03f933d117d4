"""An application of a few features only, where every caller is one known client."""

from __future__ import annotations

import time

import flask
from flask import g
from werkzeug.exceptions import HTTPException

from loyalty_api import http, trouble
from loyalty_api.db import Database
from loyalty_api.errors import LoyaltyError
from loyalty_api.security import Principal

CLIENT = Principal(
    client_id="cli_office",
    kind="admin",
    scopes=frozenset(),
    store_id=None,
    member_id=None,
    token_id="tok",
    expires_at=time.time() + 86_400,
    rate=6000,
)


def bare_app(database: Database | None, *blueprints: http.Blueprint) -> flask.Flask:
    """The features of ``blueprints`` over HTTP; nobody is asked for a token."""
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1 << 20
    app.extensions["database"] = database
    for blueprint in blueprints:
        flask.Flask.register_blueprint(app, blueprint)
    app.register_error_handler(LoyaltyError, trouble.problem)
    app.register_error_handler(HTTPException, lambda error: trouble.problem(trouble.problem_of(error)))

    @app.before_request
    def sign_in() -> None:
        g.principal = CLIENT

    return app
