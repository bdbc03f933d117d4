"""Balances and statements over HTTP, for the office, the app and the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response, current_app

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.fields import Day, Moment, Schema, Text, Whole
from loyalty_api.http import LANGUAGE, Also, Blueprint, database, not_modified, render, spoken, unit_of_work
from loyalty_api.language import catalogue
from loyalty_api.ledger import queries, reading, service
from loyalty_api.ledger.reading import Shown
from loyalty_api.members import service as members
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.program.rules import Settings
from loyalty_api.security import principal

blueprint = Blueprint(
    "points", __name__, url_prefix="/v1", description="Balances and statements: every point, in and out."
)
IF_NONE_MATCH = {"If-None-Match": "the ETag of what you hold already; 304 when it still holds"}


class WorthSchema(Schema):
    """What the points buy at the program's price."""

    points = Whole(required=True)
    amount = Whole(required=True)
    currency = Text(required=True)


class PendingNextSchema(Schema):
    """What becomes usable next."""

    points = Whole(required=True)
    available_at = Moment(required=True)


class ExpirySchema(Schema):
    """What expires at one moment; ``last_day`` is the last local day on which it can be used."""

    points = Whole(required=True)
    expires_at = Moment(required=True)
    last_day = Day(required=True)


class LifetimeSchema(Schema):
    """Totals over the whole membership."""

    earned = Whole(required=True)
    spent = Whole(required=True)
    expired = Whole(required=True)
    adjusted = Whole(required=True)


class BalanceSchema(Schema):
    """A member's points as of now."""

    member_id = Text(required=True)
    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    worth = ma.fields.Nested(WorthSchema(), required=True, allow_none=True)
    pending_next = ma.fields.Nested(PendingNextSchema(), required=True, allow_none=True)
    expiring = ma.fields.List(ma.fields.Nested(ExpirySchema()), required=True)
    lifetime = ma.fields.Nested(LifetimeSchema(), required=True)
    tier = ma.fields.Dict(required=True, allow_none=True)
    version = Whole(required=True)
    as_of = Moment(required=True)
    valid_until = Moment(required=True, allow_none=True)


class EntryRuleSchema(Schema):
    """The rule that made an entry, and the version of the program it stood in."""

    id = Text(required=True)
    program_version = Whole(required=True, allow_none=True)


class SourceSchema(Schema):
    """What an entry comes from."""

    type = Text(required=True)
    id = Text(required=True, allow_none=True)
    store = Text(required=True, allow_none=True)
    reference = Text(required=True, allow_none=True)


class ActorSchema(Schema):
    """Who made an entry."""

    kind = Text(required=True)
    client = Text(required=True, allow_none=True)


class PersonTagSchema(Schema):
    """Which of the people who share the account it was."""

    person_id = Text(required=True)
    name = Text(required=True)


class EntryBalanceSchema(Schema):
    """The balance right after an entry's journal."""

    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    version = Whole(required=True)


EntrySchema = Schema.from_dict(
    {
        "entry_id": Text(required=True),
        "journal_id": Text(required=True),
        "kind": Text(required=True),
        "points": Whole(required=True),
        "from": Text(required=True),
        "to": Text(required=True),
        "lot_id": Text(required=True, allow_none=True),
        "state": Text(required=True),
        "occurred_at": Moment(required=True),
        "recorded_at": Moment(required=True),
        "available_at": Moment(required=True, allow_none=True),
        "expires_at": Moment(required=True, allow_none=True),
        "title": Text(required=True, longest=500),
        "text": Text(required=True, longest=500),
        "rule": ma.fields.Nested(EntryRuleSchema(), required=True, allow_none=True),
        "source": ma.fields.Nested(SourceSchema(), required=True),
        "person": ma.fields.Nested(PersonTagSchema(), required=True, allow_none=True),
        "reverses": Text(required=True, allow_none=True),
        "reversed_points": Whole(required=True),
        "actor": ma.fields.Nested(ActorSchema(), required=True),
        "balance_after": ma.fields.Nested(EntryBalanceSchema(), required=True),
        "explanation": Text(required=True),
    },
    name="EntrySchema",
)

BALANCE_EXAMPLE = {
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "available": 1043,
    "pending": 67,
    "held": 0,
    "debt": 0,
    "worth": {"points": 1000, "amount": 10000, "currency": "NOK"},
    "pending_next": {"points": 67, "available_at": "2026-12-04T23:00:00Z"},
    "expiring": [{"points": 120, "expires_at": "2026-12-31T23:00:00Z", "last_day": "2026-12-31"}],
    "lifetime": {"earned": 8410, "spent": 6900, "expired": 400, "adjusted": 0},
    "tier": None,
    "version": 318,
    "as_of": "2026-11-21T15:06:41Z",
    "valid_until": "2026-12-04T23:00:00Z",
}
ENTRY_EXAMPLE = {
    "entry_id": "ent_01m80xfza0e4trdbsjq23m164700",
    "journal_id": "jrn_01m80xfza0e4trdbsjq23m1647",
    "kind": "earn",
    "points": 50,
    "from": "issued",
    "to": "pending",
    "lot_id": "lot_01m80xfza0e4trdbsjq23m1648",
    "state": "pending",
    "occurred_at": "2026-11-21T15:06:40Z",
    "recorded_at": "2026-11-21T15:06:41Z",
    "available_at": "2026-12-04T23:00:00Z",
    "expires_at": "2027-11-30T23:00:00Z",
    "title": "Purchase, Storgata",
    "text": "1 point for each whole 1.00 NOK of 50.00 NOK",
    "rule": {"id": "base", "program_version": 12},
    "source": {
        "type": "purchase",
        "id": "pur_01m80xfza0e4trdbsjq23m1646",
        "store": "str_0412",
        "reference": "004711",
    },
    "person": None,
    "reverses": None,
    "reversed_points": 0,
    "actor": {"kind": "terminal", "client": "cli_01m80xfza0e4trdbsjq23m1646"},
    "balance_after": {"available": 1043, "pending": 50, "held": 0, "debt": 0, "version": 318},
    "explanation": "/v1/entries/ent_01m80xfza0e4trdbsjq23m164700/explanation",
}


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


def etag_of(found: Shown, program_version: int) -> str:
    """What a document of a member's is the state at; it holds only until ``valid_until``."""
    return f"{database().incarnation}-{found.version}-{program_version}-{found.holds_until}"


def polled(document: Any, etag: str) -> Response:
    """A document that apps poll: private, to be asked about each time, with its ETag."""
    response = document if isinstance(document, Response) else render(document)
    response.headers.extend((("ETag", f'"{etag}"'), ("Cache-Control", "private, no-cache")))
    return response


def _balance(member_id: UUID) -> Response:
    now = clock.now()
    number, program = program_now(now)
    row = database().look_up(queries.BALANCE_NOW, str(member_id))
    if row is None:
        raise NotFound("There is no such member.")
    if row[-1] is None:  # Nothing of the member's changes by time, so this one row says it all.
        found = Shown(member_id, row[0], reading.account_of_row(row))
    else:
        with database().snapshot() as connection:
            found = reading.shown(connection, member_id, now)
    etag = etag_of(found, number)
    return not_modified(etag) or polled(reading.balance_document(found, now=now, program=program), etag)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/balance", "get_member_balance", summary="A member's points now",
    answer=BalanceSchema(), answer_example=BALANCE_EXAMPLE, headers=IF_NONE_MATCH,
    errors=(NotFound,), also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_balance(member_id: UUID) -> Response:
    """Never older than a write that was acknowledged before."""
    return _balance(member_id)


@blueprint.operation(
    "GET", "/me/balance", "me_balance", summary="My points now",
    answer=BalanceSchema(), answer_example=BALANCE_EXAMPLE, headers=IF_NONE_MATCH,
    errors=(NotFound,), also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_own_balance() -> Response:
    """The same as the balance of the token's member."""
    return _balance(own_id())


def _entries(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    before = read_cursor(query["cursor"], int, int)
    _, program = program_now(now)
    with unit_of_work() as session:
        if reading.balance_is_due(driver(session), member_id, now):
            service.settle_member(session, member_id=member_id, first_id=ids.new(), now=now)
        rows = queries.entries_of(
            driver(session), member_id,
            before=(before[0], before[1]) if before else queries.LATEST, limit=query["limit"] + 1,
        )  # fmt: skip
        people = (
            members.person_names(session, vault=current_app.extensions["vault"], member_id=member_id)
            if any(row["person_id"] for row in rows)
            else {}
        )
    words = catalogue(spoken())
    found = page(rows, limit=query["limit"], key=lambda row: [row["version"], row["ordinal"]])
    currency = program.currency if program else "XXX"
    shown = [
        reading.entry_document(row, currency=currency, words=words, people=people) for row in found["data"]
    ]
    return {**found, "data": shown}


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/entries", "list_member_entries", summary="A member's statement",
    query=PageQuery(), answer=page_of(EntrySchema(), "EntryPage"), headers=LANGUAGE,
    answer_example={"data": [ENTRY_EXAMPLE], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def list_entries(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Every movement, the latest first, each with the rule that made it and the balance after it."""
    return _entries(member_id, query)


@blueprint.operation(
    "GET", "/me/entries", "me_entries", summary="My statement",
    query=PageQuery(), answer=page_of(EntrySchema(), "EntryPage"), headers=LANGUAGE,
    answer_example={"data": [ENTRY_EXAMPLE], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def list_own_entries(query: dict[str, Any]) -> dict[str, Any]:
    """The same as the statement of the token's member."""
    return _entries(own_id(), query)
