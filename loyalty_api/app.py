"""``create_app``: the one module that knows every feature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import flask
from flask.globals import request_ctx
from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchAddress
from werkzeug.middleware.proxy_fix import ProxyFix

from loyalty_api import docs_page, event_feed, health, openapi, telemetry
from loyalty_api.adjustments import api as adjustments
from loyalty_api.analytics import api as analytics
from loyalty_api.auth import api as clients
from loyalty_api.auth import api_oauth as oauth
from loyalty_api.auth import authority
from loyalty_api.batches import api as batches
from loyalty_api.cache import SummaryCache
from loyalty_api.config import Settings
from loyalty_api.consent import api as consent
from loyalty_api.consent import service as consent_service
from loyalty_api.coupons import api as coupons
from loyalty_api.custom_events import api as custom_events
from loyalty_api.db import Database, driver
from loyalty_api.deliveries import deliver_after
from loyalty_api.draws import api_fairness as draws
from loyalty_api.draws.service import Draws
from loyalty_api.errors import LoyaltyError
from loyalty_api.explanations import api as explanations
from loyalty_api.gifts import api as gifts
from loyalty_api.gifts.service import Shop as GiftShop
from loyalty_api.giving import api as giving
from loyalty_api.http import Blueprint, id_converter
from loyalty_api.ledger import api_lots as ledger
from loyalty_api.ledger.service import shown_balance
from loyalty_api.members import api as members
from loyalty_api.members import service as members_service
from loyalty_api.period_bonuses import api as period_bonuses
from loyalty_api.products import api as products
from loyalty_api.products.service import Catalogue
from loyalty_api.program import api as program
from loyalty_api.program.service import Programs
from loyalty_api.publishing import api_backtests as backtests
from loyalty_api.publishing import api_gate as gating
from loyalty_api.publishing import api_lint as linting
from loyalty_api.publishing import api_pausing as pausing
from loyalty_api.publishing.gate import gate
from loyalty_api.purchases import api as purchases
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules import Program, check_document, compile_program, without
from loyalty_api.redemptions import api as redemptions
from loyalty_api.returns import api as returns
from loyalty_api.rewards import api as rewards
from loyalty_api.sandbox import api as sandbox
from loyalty_api.sandbox.following import follow_sandbox
from loyalty_api.stores import api as stores
from loyalty_api.stores.service import Directory
from loyalty_api.suggestions import api as suggestions
from loyalty_api.summaries import api as summaries
from loyalty_api.summaries.service import Summaries
from loyalty_api.throttle import Throttle, shared_counter
from loyalty_api.tiers import api as tiers
from loyalty_api.tiers import service as tiers_service
from loyalty_api.trouble import problem, problem_of, trouble_of
from loyalty_api.vault import Vault

MAX_BODY = 1 << 20
PREFIXES = (
    "mbr", "idn", "per", "pur", "ent", "prv", "rej", "clm", "cli", "red", "ret", "rwd", "ord", "lot", "cpb", "cpn",
    "bkt", "gft", "gls", "rsv",
)  # fmt: skip


class Application(flask.Flask):
    """Flask without coroutines: it would ask of every view and hook, at every request, whether it is one."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func


def blueprints() -> Sequence[Blueprint]:
    """Every feature's resources, in the order in which the document shows them."""
    return (
        oauth.blueprint,
        members.blueprint,
        consent.blueprint,
        purchases.blueprint,
        redemptions.blueprint,
        rewards.blueprint,
        coupons.blueprint,
        giving.blueprint,
        adjustments.blueprint,
        custom_events.blueprint,
        draws.blueprint,
        gifts.blueprint,
        period_bonuses.blueprint,
        tiers.blueprint,
        returns.blueprint,
        batches.blueprint,
        ledger.blueprint,
        explanations.blueprint,
        summaries.blueprint,
        program.blueprint,
        linting.blueprint,
        gating.blueprint,
        pausing.blueprint,
        backtests.blueprint,
        suggestions.blueprint,
        analytics.blueprint,
        event_feed.blueprint,
        stores.blueprint,
        products.blueprint,
        sandbox.blueprint,
        clients.blueprint,
        health.blueprint,
        docs_page.blueprint,
    )


def create_app(settings: Settings, *, database: Database | None = None) -> flask.Flask:
    """The application over ``settings``; ``database`` may be handed in by whoever holds one already.

    :raises PermissionsMissing: an operation has no row in the permission table.
    """
    app = Application(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    database = database or Database(settings.database_url, threads=settings.threads)
    follow_sandbox(settings, database)
    vault = Vault(settings.keys)
    throttle = Throttle(shared=shared_counter(settings.redis_url) if settings.redis_url else None)
    _lend(app, settings, database, vault)
    app.extensions["throttle"] = throttle
    app.extensions["authority"] = guard = authority.build(
        settings=settings,
        database=database,
        vault=vault,
        throttle=throttle,
        resolve_member=partial(_member_for_subject, database, vault),
        member_epoch=partial(_member_epoch, database),
    )
    if settings.trusted_proxies:
        # Failed sign-ins are counted by address: behind a proxy all callers would share one.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign]
    telemetry.install(app)
    for prefix in PREFIXES:
        app.url_map.converters[prefix] = id_converter(prefix)
    for blueprint in blueprints():
        flask.Flask.register_blueprint(app, blueprint)
    _answer_errors(app)
    guard.gate.install(app)
    throttle.install(app)
    app.after_request(deliver_after)
    openapi.install(app, blueprints())
    return app


def _lend(app: flask.Flask, settings: Settings, database: Database, vault: Vault) -> None:
    """What features find by name in the application, because they may not import who provides it."""
    programs: Programs[Program] = Programs(
        lambda document, version: compile_program(document, version=version), without=without
    )
    catalogue = Catalogue()
    app.extensions.update(
        settings=settings,
        database=database,
        vault=vault,
        summaries=Summaries(
            database=database, cache=SummaryCache(settings.redis_url), vault=vault, programs=programs
        ),
        desk=Desk(
            vault=vault, programs=programs, catalogue=catalogue, directory=Directory(), draws=Draws(vault)
        ),
        gifts=GiftShop(vault=vault, programs=programs, catalogue=catalogue),
        programs=programs,
        check_document=check_document,
        publish_gate=gate,
        member_balance=_balance_for_till,
        member_tier=partial(_tier_for_till, programs),
        member_standing=partial(_standing_for_balance, programs),
        record_terms=consent_service.record_terms,
    )


def _balance_for_till(session: Session, member_id: UUID, now: datetime) -> dict[str, Any] | None:
    return shown_balance(session, member_id=member_id, now=now)


def _tier_for_till(
    programs: Programs[Program], session: Session, member_id: UUID, now: datetime
) -> str | None:
    return tiers_service.level_now(driver(session), programs, member_id=member_id, now=now)


def _standing_for_balance(
    programs: Programs[Program], connection: Connection[TupleRow], member_id: UUID, now: datetime
) -> tuple[dict[str, Any] | None, datetime | None]:
    found = tiers_service.look(connection, programs, member_id=member_id, now=now)
    if found is None:
        return None, None
    level = found[1].level
    return {"code": level.level_id if level else None, "until": found[1].until}, found[1].changes_at


def _member_for_subject(database: Database, vault: Vault, issuer: str, subject: str) -> UUID | None:
    with database.unit_of_work() as session:
        return members_service.member_for_subject(session, vault=vault, issuer=issuer, subject=subject)


def _member_epoch(database: Database, member_id: UUID) -> int | None:
    with database.unit_of_work() as session:
        return members_service.epoch(session, member_id)


def _answer_errors(app: flask.Flask) -> None:
    """Every refusal and every failure leaves as a problem document; none leaves as a stack trace."""
    app.register_error_handler(LoyaltyError, problem)
    app.register_error_handler(HTTPException, _refusal)
    for kind in (DBAPIError, PoolTimeout):
        app.register_error_handler(kind, lambda error: problem(trouble_of(error)))
    app.register_error_handler(Exception, lambda error: problem(trouble_of(error)))


def _refusal(error: HTTPException) -> flask.Response:
    """A refusal of the HTTP library's, with its own headers: a 405 says which methods there are."""
    if isinstance(error, MethodNotAllowed) and not _is_an_address(error.valid_methods or ()):
        error = NoSuchAddress()
    response = problem(problem_of(error))
    for name, value in error.get_headers():
        response.headers.setdefault(name, value)
    return response


def _is_an_address(methods: Iterable[str]) -> bool:
    """Whether something answers here under one of these methods: an id that none can be is in no address.

    The router names the methods of an address before it has looked at the ids in it.
    """
    adapter = request_ctx.url_adapter
    for method in methods:
        try:
            if adapter is not None and adapter.match(method=method):
                return True
        except HTTPException:
            continue
    return False
