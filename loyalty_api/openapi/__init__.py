"""Writes the OpenAPI document from the operations themselves, so that it cannot say anything else.

``install`` names the blueprints once; ``document`` then gives the whole document, ``rendered`` the same as
JSON for clients, and ``write`` the same as YAML for the repository, where a test compares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import flask
import orjson
import yaml

from loyalty_api import __version__
from loyalty_api.auth.permissions import security_scheme
from loyalty_api.http import Blueprint
from loyalty_api.openapi.operations import OPERATION_HEADERS, PARAMETERS, Paths
from loyalty_api.openapi.schemas import Shapes

_KEPT = "openapi"
_HEADER = "# Written by `loyalty openapi write` from the operations in the code. Do not edit.\n"
_DESCRIPTION = """\
Members, points and rewards behind one API.

* Bodies are JSON in `snake_case`. Unknown request fields are refused; ignore unknown fields of answers, and
  treat unknown values of an enumeration as the documented default.
* Ids are opaque. Times are RFC 3339 with an offset in, UTC out. Money is whole minor units of the currency
  that the document names; points are whole numbers; rates are decimal strings.
* Every write takes an `Idempotency-Key`. The same key and body again give the first answer. After a time-out
  or a 5xx the outcome is unknown: send the same request with the same key.
* Errors are `application/problem+json` (RFC 9457) with a stable `code` and an `action`; every `type` is a
  page here that says cause and remedy.
* Lists come in pages: send `next_cursor` back as `cursor` until it is null.
* Sign in with client credentials at `/oauth/token`; each operation names the scopes that open it.
"""


class Rendered(NamedTuple):
    """The document as it is sent, and the tag that tells one state of it from another."""

    body: bytes
    etag: str


def install(app: flask.Flask, blueprints: Sequence[Blueprint]) -> None:
    """Let ``app`` describe the operations of ``blueprints``, in this order."""
    app.extensions[_KEPT] = {"blueprints": tuple(blueprints), "rendered": None}


def document(app: flask.Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ``app``.

    :raises KeyError: an operation has no row in the permission table.
    """
    described: tuple[Blueprint, ...] = app.extensions[_KEPT]["blueprints"]
    blueprints = [blueprint for blueprint in described if blueprint.operations]
    shapes = Shapes([operation for blueprint in blueprints for operation in blueprint.operations])
    paths = Paths(app, shapes)
    for blueprint in blueprints:
        for operation in blueprint.operations:
            paths.add(blueprint.name, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Loyalty API", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/", "description": "This installation"}],
        "tags": [{"name": blueprint.name, "description": blueprint.description} for blueprint in blueprints],
        "paths": paths.written,
        "components": {
            "schemas": shapes.components(),
            "parameters": PARAMETERS,
            "headers": OPERATION_HEADERS,
            "examples": dict(sorted(paths.examples.items())),
            "responses": dict(sorted(paths.responses.items())),
            "securitySchemes": {"oauth2": security_scheme()},
        },
    }


def rendered(app: flask.Flask) -> Rendered:
    """The document as JSON. It is written once in a process, since nothing in it changes."""
    kept = app.extensions[_KEPT]
    if kept["rendered"] is None:
        body = orjson.dumps(document(app))
        kept["rendered"] = Rendered(body, sha256(body).hexdigest()[:32])
    found: Rendered = kept["rendered"]
    return found


def as_yaml(app: flask.Flask) -> str:
    """The document as YAML, the same text for the same operations."""
    plain = orjson.loads(rendered(app).body)
    return _HEADER + yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write(app: flask.Flask, path: Path) -> None:
    """Write the document to ``path`` as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_yaml(app), encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """YAML for people: no aliases, and texts of several lines as blocks."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
