"""Balances and statements over HTTP, for the office, the app and the member."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.http import LANGUAGE, Also, Blueprint, database, not_modified, render, spoken, unit_of_work
from loyalty_api.language import catalogue
from loyalty_api.ledger import past, queries, reading, service
from loyalty_api.ledger.past import MomentAhead
from loyalty_api.ledger.reading import Shown
from loyalty_api.ledger.schemas import (
    BALANCE_EXAMPLE,
    ENTRY_EXAMPLE,
    AsOfQuery,
    BalanceSchema,
    EntriesQuery,
    EntrySchema,
)
from loyalty_api.members import service as members
from loyalty_api.paging import page, page_of, read_cursor
from loyalty_api.program.rules import Settings
from loyalty_api.security import principal

blueprint = Blueprint(
    "points", __name__, url_prefix="/v1", description="Balances and statements: every point, in and out."
)
IF_NONE_MATCH = {"If-None-Match": "the ETag of what you hold already; 304 when it still holds"}


def own_id() -> UUID:
    """The member of the present token.

    :raises NotFound: it is not a member's.
    """
    member_id = principal().member_id
    if member_id is None:
        raise NotFound("This is a member's own page.")
    return member_id


def program_now(now: datetime) -> tuple[int, Settings | None]:
    """The number and the settings of the program in force."""
    number, program = current_app.extensions["programs"].current(database(), now)
    return number, program.settings if program else None


def etag_of(found: Shown, program_version: int, until: datetime | None) -> str:
    """What a document of a member's is the state at; it holds only ``until`` then, or until a write."""
    return (
        f"{database().incarnation}-{found.version}-{program_version}-{reading.instant(until) if until else 0}"
    )


def polled(document: Any, etag: str) -> Response:
    """A document that apps poll: private, to be asked about each time, with its ETag."""
    response = document if isinstance(document, Response) else render(document)
    response.headers.extend((("ETag", f'"{etag}"'), ("Cache-Control", "private, no-cache")))
    return response


def _earlier(member_id: UUID, query: dict[str, Any], now: datetime) -> Response:
    """The balance as of an earlier moment, by the price of points of that moment."""
    moment = query["as_of"].astimezone(UTC)
    number, program = program_now(moment)
    with unit_of_work() as session:
        service.settle_due(session, member_id=member_id, first_id=ids.new(), now=now)
        connection = driver(session)
        when = past.look_back(connection, member_id, moment=moment, clock=query["clock"], now=now)
        version = reading.version_of(connection, member_id)
        etag = f"{database().incarnation}-{version}-{number}-{reading.instant(moment)}-{query['clock']}"
        return not_modified(etag) or polled(
            reading.balance_document(
                past.shown_as_of(connection, member_id, when), now=moment, program=program
            ),
            etag,
        )


def _balance(member_id: UUID, query: dict[str, Any]) -> Response:
    now = clock.now()
    if query["as_of"] is not None:
        return _earlier(member_id, query, now)
    number, program = program_now(now)
    row = database().look_up(queries.BALANCE_NOW, str(member_id))
    if row is None:
        raise NotFound("There is no such member.")
    levels = bool(program and program.sections["tiers"]["levels"])
    tier, changes_at = None, None
    # Where nothing of the member's changes by time, this one row says it all.
    if row[-1] is None and not levels:
        found = Shown(member_id, row[0], reading.account_of_row(row))
    else:
        with database().snapshot() as connection:
            found = reading.shown(connection, member_id, now)
            if levels:
                tier, changes_at = current_app.extensions["member_standing"](connection, member_id, now)
    until = min([moment for moment in (found.valid_until, changes_at) if moment], default=None)
    etag = etag_of(found, number, until)
    document = reading.balance_document(found, now=now, program=program)
    return not_modified(etag) or polled({**document, "tier": tier, "valid_until": until}, etag)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/balance", "get_member_balance", summary="A member's points now",
    query=AsOfQuery(), answer=BalanceSchema(), answer_example=BALANCE_EXAMPLE, headers=IF_NONE_MATCH,
    errors=(NotFound, MomentAhead), also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_balance(member_id: UUID, query: dict[str, Any]) -> Response:
    """Never older than a write that was acknowledged before; with ``as_of``, what was or is known of that moment."""
    return _balance(member_id, query)


@blueprint.operation(
    "GET", "/me/balance", "me_balance", summary="My points now",
    query=AsOfQuery(), answer=BalanceSchema(), answer_example=BALANCE_EXAMPLE, headers=IF_NONE_MATCH,
    errors=(NotFound, MomentAhead), also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_own_balance(query: dict[str, Any]) -> Response:
    """The same as the balance of the token's member."""
    return _balance(own_id(), query)


def _rows(
    session: Session,
    member_id: UUID,
    query: dict[str, Any],
    *,
    before: tuple[int, int],
    now: datetime,
) -> list[dict[str, Any]]:
    """A page of the statement and one more row, as of the moment that was asked for."""
    connection = driver(session)
    limit = query["limit"] + 1
    if query["as_of"] is None:
        return queries.entries_of(connection, member_id, before=before, limit=limit)
    moment = query["as_of"].astimezone(UTC)
    when = past.look_back(connection, member_id, moment=moment, clock=query["clock"], now=now)
    return past.entries_as_of(connection, member_id, when, before=before, limit=limit)


def _entries(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    before = read_cursor(query["cursor"], int, int)
    _, program = program_now(now)
    place = (before[0], before[1]) if before else queries.LATEST
    with unit_of_work() as session:
        service.settle_due(session, member_id=member_id, first_id=ids.new(), now=now)
        rows = _rows(session, member_id, query, before=place, now=now)
        people = (
            members.person_names(session, vault=current_app.extensions["vault"], member_id=member_id)
            if any(row["person_id"] for row in rows)
            else {}
        )
    words = catalogue(spoken())
    found = page(rows, limit=query["limit"], key=lambda row: [row["version"], row["ordinal"]])
    currency = program.currency if program else "XXX"
    # A member's own token opens the member's own pages and no others.
    whose = "/v1/me" if principal().member_id else "/v1"
    shown = [
        reading.entry_document(row, currency=currency, words=words, people=people, whose=whose)
        for row in found["data"]
    ]
    return {**found, "data": shown}


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/entries", "list_member_entries", summary="A member's statement",
    query=EntriesQuery(), answer=page_of(EntrySchema(), "EntryPage"), headers=LANGUAGE,
    answer_example={"data": [ENTRY_EXAMPLE], "next_cursor": None}, errors=(NotFound, MomentAhead),
)  # fmt: skip
def list_entries(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Every movement, the latest first, each with the rule that made it and the balance after it."""
    return _entries(member_id, query)


@blueprint.operation(
    "GET", "/me/entries", "me_entries", summary="My statement",
    query=EntriesQuery(), answer=page_of(EntrySchema(), "EntryPage"), headers=LANGUAGE,
    answer_example={"data": [ENTRY_EXAMPLE], "next_cursor": None}, errors=(NotFound, MomentAhead),
)  # fmt: skip
def list_own_entries(query: dict[str, Any]) -> dict[str, Any]:
    """The same as the statement of the token's member."""
    return _entries(own_id(), query)
