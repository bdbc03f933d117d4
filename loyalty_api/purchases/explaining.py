"""Purchases in words, from what was stored when they were decided, and what happened to a member."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.language import catalogue
from loyalty_api.ledger.reading import balance_is_due
from loyalty_api.ledger.service import settle_member
from loyalty_api.purchases import queries, returned
from loyalty_api.purchases.booking import basket_document
from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.returned import corrections_of
from loyalty_api.rating.words import correction_steps, explain, near_miss_text, rule_name
from loyalty_api.rulekit.stored import decision_from_json
from loyalty_api.rulekit.stored_baskets import basket_from_json

_SOONEST = timedelta(microseconds=1)


def purchase(session: Session, desk: Desk, *, row: Row, language: str) -> dict[str, Any]:
    """A purchase's stored decision in the reader's language; what was close stands among the steps."""
    connection = driver(session)
    words = catalogue(language)
    if row["decision"] is None:
        reason = "before_program" if row["program_version"] is None else "awaits_review"
        return {"text": words.say("summary", reason), "steps": []}
    lines = queries.lines_of(connection, row["member_id"], row["purchase_id"])
    basket = basket_from_json(basket_document(row, lines))
    decision = decision_from_json(row["decision"])
    program = desk.programs.numbered(connection, decision.version)
    names = program.names if program else {}
    zone = program.settings.zone if program else ZoneInfo("UTC")
    said = explain(basket, decision, language=language, names=names, zone=zone)
    near = [
        {
            "label": rule_name(miss.rule, names=names, language=language),
            "value": near_miss_text(miss, currency=basket.currency, names=names, language=language),
        }
        for miss in decision.near_misses
    ]
    back = returned.taken_back(row)
    undone = [{"label": words.say("step", "returned"), "value": words.points(back)}] if back else []
    corrected = [step for one in corrections_of(row)[-1:] for step in correction_steps(one, words)]
    text = f"{said['text']} {words.say('summary', 'corrected')}" if corrected else said["text"]
    return {"text": text, "steps": [*said["steps"], *near, *undone, *corrected]}


_ACTIVITY = (
    "SELECT * FROM (SELECT 'purchase' AS kind, p.occurred_at, p.purchase_id AS id, p.points_base + p.points_bonus"
    " AS points, p.store_id, p.reference, p.total, p.currency, p.decision IS NULL AS unrated,"
    " (SELECT sum(l.pending)::bigint FROM lots l WHERE l.member_id = p.member_id AND l.source_id = p.purchase_id)"
    " AS pending, NULL AS stands"
    " FROM purchases p WHERE p.member_id = %(member)s"
    " UNION ALL SELECT CASE j.kind WHEN 'expire' THEN 'expiry' ELSE 'return' END, j.occurred_at, j.journal_id,"
    # Points that a return gives back show in the redemption they were used by.
    " (coalesce(sum(s.points) FILTER (WHERE s.from_account = 'issued'), 0)"
    " - coalesce(sum(s.points) FILTER (WHERE s.to_account IN ('issued', 'expired')), 0))::bigint,"
    " j.store_id, j.reference, NULL, NULL, false, 0, NULL"
    " FROM journals j JOIN postings s ON s.member_id = j.member_id AND s.journal_id = j.journal_id"
    " WHERE j.member_id = %(member)s AND j.kind IN ('expire', 'return', 'return_void')"
    " GROUP BY j.kind, j.occurred_at, j.journal_id, j.store_id, j.reference"
    # What was let go, or returned by itself, has changed nothing, and neither has a reward that was a gift.
    " UNION ALL SELECT 'redemption', r.held_at, r.redemption_id, CASE r.status WHEN 'held' THEN -r.points"
    " ELSE r.reversed_points - r.captured_points END, r.store_id, NULL, r.amount, r.currency, false, 0, r.status"
    " FROM redemptions r WHERE r.member_id = %(member)s AND r.points > 0 AND r.status NOT IN ('released', 'expired')"
    " AND (r.status <> 'held' OR r.expires_at > %(now)s)"
    " UNION ALL SELECT 'adjustment', a.created_at, a.adjustment_id, a.points, NULL, NULL, NULL, NULL, false, 0, NULL"
    " FROM adjustments a WHERE a.member_id = %(member)s"
    " UNION ALL SELECT 'event', e.occurred_at, e.event_id, e.points, NULL, e.reference, NULL, NULL, false,"
    " (SELECT sum(l.pending)::bigint FROM lots l WHERE l.member_id = e.member_id AND l.source_id = e.event_id), NULL"
    " FROM member_events e WHERE e.member_id = %(member)s AND e.points > 0"
    " UNION ALL SELECT 'period', b.occurred_at, b.settlement_id, b.points, NULL, b.period, NULL, NULL, false, 0, NULL"
    " FROM period_bonuses b WHERE b.member_id = %(member)s AND b.points <> 0"
    " UNION ALL SELECT 'gift', g.handed_over_at, g.gift_id, (g.give->>'points')::bigint, NULL, NULL, NULL, NULL, false,"
    " 0, NULL FROM gifts g WHERE g.member_id = %(member)s AND g.kind = 'points' AND g.handed_over_at IS NOT NULL)"
    " AS item"
    " LEFT JOIN stores USING (store_id)"
    " WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)"
    " AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)"
    " AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)"
    " AND (%(at)s::timestamptz IS NULL OR (occurred_at, id) < (%(at)s, %(id)s::uuid))"
    " ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s"
)
_ITEM = (
    "store_id", "kind", "occurred_at", "id", "points", "reference", "total", "currency", "unrated", "pending",
    "stands", "store_name",
)  # fmt: skip


# What an item of each kind is called in a statement, and how its id begins.
_SHOWN_AS = {
    "purchase": ("earn", "pur"),
    "expiry": ("expire", "jrn"),
    "redemption": ("redeem", "red"),
    "adjustment": ("adjust", "adj"),
    "return": ("return", "jrn"),
    "event": ("event", "evn"),
    "period": ("period", "stl"),
    "gift": ("gift", "gft"),
}
_DONE = {
    "expiry": "expired",
    "adjustment": "booked",
    "period": "booked",
    "gift": "booked",
    "return": "returned",
}


def activity(
    session: Session,
    *,
    member_id: UUID,
    query: Mapping[str, Any],
    before: tuple[datetime, UUID] | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """What happened to a member, one row an item, the latest first; what time has done is booked first."""
    connection = driver(session)
    if balance_is_due(connection, member_id, now):
        settle_member(session, member_id=member_id, first_id=ids.new(), now=now)
    columns = ", ".join(_ITEM[:-1]) + ", name"
    rows = connection.execute(
        _ACTIVITY.replace("SELECT * FROM", f"SELECT {columns} FROM", 1),
        {
            "member": member_id, "kind": query["kind"], "since": query["since"], "until": query["until"],
            "at": before and before[0], "id": before and before[1], "limit": query["limit"] + 1, "now": now,
        },
        prepare=True,
    )  # fmt: skip
    return [dict(zip(_ITEM, row, strict=True)) for row in rows]


def activity_item(row: Mapping[str, Any], *, language: str) -> dict[str, Any]:
    """One item in the reader's language; ``state`` follows its points.

    pending, available or none for a purchase, expired, returned, booked, and for a redemption its own.
    """
    words = catalogue(language)
    entry_kind, prefix = _SHOWN_AS[row["kind"]]
    title = words.say("entry", entry_kind)
    if row["store_name"]:
        title = words.say("entry", "at_place", title=title, place=row["store_name"])
    money = {"amount": row["total"], "currency": row["currency"]} if row["total"] is not None else None
    return {
        "activity_id": ids.show(prefix, row["id"]),
        "kind": row["kind"],
        "occurred_at": row["occurred_at"],
        "title": title,
        "text": words.money(**money) if money else words.points(abs(row["points"])),
        "points": row["points"],
        "state": _state(row),
        "store": {"store": row["store_id"], "name": row["store_name"]} if row["store_id"] else None,
        "money": money,
        "reference": row["reference"],
        "receipt_url": None,
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["kind"] not in ("purchase", "event"):
        return _DONE.get(row["kind"]) or row["stands"]
    return "pending" if row["pending"] else "available" if row["points"] else "none"
