"""What balances and statements look like, and how they are asked for."""

from __future__ import annotations

import marshmallow as ma

from loyalty_api.fields import Choice, Day, Moment, Schema, Text, Whole
from loyalty_api.ledger.past import CLOCKS
from loyalty_api.paging import PageQuery


class AsOfQuery(Schema):
    """An earlier moment, and by which clock it is meant."""

    as_of = Moment(
        load_default=None, metadata={"description": "a moment that has been; now where it is left out"}
    )
    clock = Choice(
        *CLOCKS,
        load_default="recorded",
        metadata={
            "description": "recorded: what would have been answered then; occurred: what is known today of then"
        },
    )


class EntriesQuery(PageQuery, AsOfQuery):
    """Which page of a statement, and as of when."""


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


class BalanceTierSchema(Schema):
    """The level that is held, and until when if nothing more is bought; without a ``code`` none is."""

    code = Text(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)


class BalanceSchema(Schema):
    """A member's points as of now, or as of the moment that was asked for."""

    member_id = Text(required=True)
    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    worth = ma.fields.Nested(WorthSchema(), required=True, allow_none=True)
    pending_next = ma.fields.Nested(PendingNextSchema(), required=True, allow_none=True)
    expiring = ma.fields.List(ma.fields.Nested(ExpirySchema()), required=True)
    lifetime = ma.fields.Nested(LifetimeSchema(), required=True)
    tier = ma.fields.Nested(BalanceTierSchema(), required=True, allow_none=True)
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
    "tier": {"code": "gold", "until": "2027-12-31T23:00:00Z"},
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
