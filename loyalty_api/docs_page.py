"""The API page, the OpenAPI document and a page for every problem. All of it is served by us, also offline.

The policy lets a page load what this server sends and nothing else, and run no script or style that is
written into it, so that nothing a caller sends can become code here.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, current_app, render_template, request
from markupsafe import Markup, escape

from loyalty_api import openapi
from loyalty_api.errors import NotFound
from loyalty_api.http import Blueprint, not_modified, render
from loyalty_api.problems import CATALOGUE, Kind, Problem, kinds

blueprint = Blueprint("face", __name__, template_folder="templates", description="Pages about the API.")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_STATIC = Path(__file__).parent / "static"
_ASSETS = {
    "swagger-ui.css": ("swagger-ui", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui", "text/javascript"),
    "docs.js": ("face", "text/javascript"),
    "docs.css": ("face", "text/css"),
    "face.css": ("face", "text/css"),
}
_ACTIONS = {
    "retry_same_key": "send the same request with the same Idempotency-Key again, not before Retry-After.",
    "fix_request": "change the request; the same one cannot succeed.",
    "sign_in": "get a new access token and send the request again.",
    "proceed_without": "go on without what was asked for.",
    "ask_member": "ask the member.",
    "call_support": "call support and give them the request_id.",
}


class AssetUnknown(NotFound):
    """There is no such file of the API page."""


class Asset(NamedTuple):
    """A file of the page, as it is sent."""

    body: bytes
    mimetype: str
    etag: str


@cache
def _asset(name: str) -> Asset:
    folder, mimetype = _ASSETS[name]
    body = (_STATIC / folder / name).read_bytes()
    return Asset(body, mimetype, sha256(body).hexdigest()[:32])


def docs() -> Response:
    """The API page."""
    return _page("face/docs.html")


def docs_asset(name: str) -> Response:
    """A style or a script of the pages.

    :raises AssetUnknown: the pages have no such file.
    """
    if name not in _ASSETS:
        raise AssetUnknown
    asset = _asset(name)
    return _tagged(asset.body, asset.mimetype, asset.etag)


def openapi_document() -> Response:
    """The OpenAPI document as JSON."""
    found = openapi.rendered(current_app._get_current_object())  # type: ignore[attr-defined]
    return _tagged(found.body, "application/json", found.etag)


def problems() -> Response:
    """All problems: a page for people, JSON for those who ask for it."""
    found = [_told(kind) for kind in kinds().values()]
    if _wants_json():
        return render({"data": found})
    return _page("face/problems.html", problems=found)


def problem(code: str) -> Response:
    """What one problem means and what to do about it.

    :raises NotFound: no problem has this code.
    """
    kind = kinds().get(code)
    if kind is None:
        raise NotFound("No problem has this code.")
    if _wants_json():
        return render(_told(kind))
    return _page("face/problem.html", problem=_told(kind))


def _told(kind: Kind) -> dict[str, Any]:
    known = CATALOGUE.get(kind.code) or Problem(
        cause=f"{kind.title}.", remedy="Read `detail` of the problem."
    )
    return {
        "type": f"/problems/{kind.code}",
        "code": kind.code,
        "title": kind.title,
        "status": list(kind.statuses),
        "cause": known.cause,
        "remedy": known.remedy,
        "action": kind.action,
        "action_means": _ACTIONS[kind.action],
    }


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json"


def _page(template: str, **context: Any) -> Response:
    response = Response(render_template(template, **context), mimetype="text/html", headers=_HEADERS)
    response.headers["Vary"] = "Accept"
    return response


def _tagged(body: bytes, mimetype: str, etag: str) -> Response:
    """What changes only with a new version: kept by the browser, asked for again by its tag."""
    response = not_modified(etag) or Response(body, mimetype=mimetype)
    response.set_etag(etag)
    response.headers.update({"Cache-Control": "public, no-cache", "X-Content-Type-Options": "nosniff"})
    return response


def _code(text: str) -> Markup:
    """Text with ``code`` between back-quotes, as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


blueprint.add_app_template_filter(_code, "code")
_ROUTES = (
    ("/docs", "docs", docs),
    ("/docs/assets/<string:name>", "docs_asset", docs_asset),
    ("/openapi.json", "openapi", openapi_document),
    ("/problems", "problems", problems),
    ("/problems/<string:code>", "problem", problem),
)
PAGES = frozenset(endpoint for _, endpoint, _ in _ROUTES)
"""The endpoints of pages that people read; they are no operations of the API."""

for _rule, _endpoint, _view in _ROUTES:
    blueprint.add_url_rule(_rule, _endpoint, _view, methods=["GET"])
