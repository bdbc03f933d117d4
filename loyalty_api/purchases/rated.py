"""A receipt between being rated and being written: what was decided about it, and the rows it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from loyalty_api import events
from loyalty_api.coupons.service import NOTHING_SHOWN, Presented
from loyalty_api.gifts.service import GIFTS
from loyalty_api.members.rules import walk_in_id
from loyalty_api.purchases import queries, queries_claims, rules
from loyalty_api.purchases.desk import Reported, Who
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import Rows, Table
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.values import dataclass

Row = dict[str, Any]


@dataclass(slots=True)
class Written:
    """The rows that a batch of receipts comes to, gathered for one round trip."""

    purchases: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    locators: list[Sequence[Any]] = field(default_factory=list)
    events: list[Sequence[Any]] = field(default_factory=list)
    unattached: list[Sequence[Any]] = field(default_factory=list)
    claim_codes: list[Sequence[Any]] = field(default_factory=list)
    gifts: list[Row] = field(default_factory=list)
    gift_events: list[Sequence[Any]] = field(default_factory=list)

    def rows(self) -> list[tuple[Table, Rows]]:
        """The rows by table."""
        return [
            (queries.PURCHASES, self.purchases),
            (queries.LINES, self.lines),
            (queries.LOCATORS, self.locators),
            (queries_claims.UNATTACHED, self.unattached),
            (queries_claims.CLAIM_CODES, self.claim_codes),
            (GIFTS, self.gifts),
            (events.EVENTS, [*self.events, *self.gift_events]),
        ]


@dataclass(frozen=True, slots=True)
class Rated:
    """A basket with what was decided about it; no ``decision`` before the first program or when it came too late.

    ``coupons_used`` says of each coupon that was used what it took off, in minor units.
    """

    basket: Basket
    facts: Facts
    program: Program | None
    decision: Decision | None
    paid: int
    discrepancies: list[rules.Discrepancy]
    coupons: Presented = NOTHING_SHOWN
    coupons_used: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def own_time_zone(self) -> str | None:
        """The store's zone, by which hours are read, where it is not the program's (R60)."""
        zone = self.basket.time_zone
        return None if self.program and zone == self.program.settings.zone.key else zone

    @property
    def points(self) -> int:
        """Points granted, by all rules together."""
        return self.decision.points() if self.decision else 0


def purchase_row(
    report: Reported, rated: Rated, member_id: UUID | None, *, person_id: UUID | None, who: Who, now: datetime
) -> Row:
    """The purchase as it is kept, with its member or with the walk-in account of its store."""
    body, decision = report.body, rated.decision
    match = "identified" if member_id else "unknown_identifier" if body["identifier"] else "anonymous"
    return {
        "member_id": member_id or walk_in_id(body["store"]),
        "purchase_id": report.purchase_id,
        "store_id": body["store"],
        "terminal": body["terminal"],
        "business_date": body["business_date"],
        "reference": body["reference"],
        "kind": body["kind"],
        "channel": body["channel"],
        "status": "recorded",
        "match": match,
        "occurred_at": body["occurred_at"].astimezone(UTC),
        "utc_offset": _offset_minutes(body["occurred_at"]),
        "recorded_at": now,
        "currency": body["currency"],
        "total": body["total"],
        "paid": rated.paid,
        "line_count": len(body["lines"]),
        "client_id": who.client_id,
        "cashier": body["cashier"],
        "person_id": person_id,
        "program_version": rated.program.version if rated.program else None,
        "points_base": decision.points(award="base") if decision else 0,
        "points_bonus": decision.points(award="bonus") if decision else 0,
        "receipt": _kept(body, time_zone=rated.own_time_zone),
        "facts": facts_to_json(rated.facts),
        "decision": decision_to_json(decision) if decision else None,
        "outcome": {
            "discrepancies": rated.discrepancies,
            "quoted": report.quote.points if report.quote else None,
        },
    }


def _kept(body: Mapping[str, Any], *, time_zone: str | None) -> Row:
    """What else the receipt said and may be asked for, and the store's own clock; never what was scanned."""
    identifier = body["identifier"]
    kept = {
        name: body[name]
        for name in (
            "tax_included",
            "rounding",
            "offline",
            "replaces",
            "exchange_reference",
            "payments",
            "coupons",
            "metadata",
            "receipt",
        )
        if body.get(name)
    }
    if time_zone:
        kept["time_zone"] = time_zone
    if identifier:
        kept["identifier"] = {"kind": identifier["kind"], "entry": identifier["entry"]}
    return kept


def _offset_minutes(moment: datetime) -> int:
    """How far a moment's own clock is from UTC, in minutes."""
    offset = moment.utcoffset()
    return int(offset.total_seconds()) // 60 if offset else 0
