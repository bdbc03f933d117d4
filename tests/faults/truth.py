"""What is in the database in the end, read past every proxy."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import psycopg

from loyalty_api import ids
from loyalty_api.operations.verify import judge
from tests.faults.checker import Effect, Truth
from tests.faults.history import Kind

_RECEIPT = "concat_ws('/', {0}.store_id, {0}.terminal, {0}.business_date, {0}.reference)"

_OF_PURCHASE = "JOIN purchases p USING (member_id, purchase_id)"


def _version(id_: str, *kinds: str) -> str:
    names = ", ".join(f"'{kind}'" for kind in kinds)
    return (
        f"(SELECT max(version) FROM journals j WHERE j.member_id = e.member_id AND j.cause_id = e.{id_}"
        f" AND j.kind IN ({names}))"
    )


# Of each kind of effect: subject, id, member, points, version.
_EFFECTS: dict[Kind, tuple[str, str]] = {
    "purchase": (
        "pur",
        f"SELECT {_RECEIPT.format('e')}, e.purchase_id, e.member_id, e.points_base + e.points_bonus,"
        f" {_version('purchase_id', 'earn')} FROM purchases e",
    ),
    "return": (
        "ret",
        f"SELECT {_RECEIPT.format('e')}, e.return_id, e.member_id, e.points_given_back - e.points_taken_back,"
        f" {_version('return_id', 'return')} FROM returns e",
    ),
    "adjustment": (
        "adj",
        f"SELECT e.cashier, e.adjustment_id, e.member_id, e.points, {_version('adjustment_id', 'adjust')}"
        " FROM adjustments e",
    ),
    "hold": (
        "red",
        "SELECT e.cashier, e.redemption_id, e.member_id, 0,"
        f" {_version('redemption_id', 'hold')} FROM redemptions e",
    ),
    "capture": (
        "red",
        "SELECT NULL, e.redemption_id, e.member_id, -e.captured_points,"
        f" {_version('redemption_id', 'redeem')} FROM redemptions e WHERE captured_points > 0",
    ),
    "release": (
        "red",
        f"SELECT NULL, e.redemption_id, e.member_id, 0, {_version('redemption_id', 'release')}"
        " FROM redemptions e WHERE status = 'released'",
    ),
    "enrolment": (
        "mbr",
        "SELECT e.tags[1], e.member_id, e.member_id, 0, NULL FROM members e WHERE tags <> '{}'",
    ),
    # What is given back with its purchase was given all the same.
    "coupon": (
        "cpn",
        f"SELECT {_RECEIPT.format('p')}, e.coupon_id, e.member_id, 0, NULL FROM coupon_uses e {_OF_PURCHASE}",
    ),
    "gift": (
        "gft",
        f"SELECT {_RECEIPT.format('p')}, e.gift_id, e.member_id, 0, NULL FROM gifts e {_OF_PURCHASE}",
    ),
    "reservation": (
        "rsv",
        "SELECT 'for ' || e.member_id, e.reservation_id, e.member_id, 0, NULL FROM reservations e",
    ),
}
_TOTALS = (
    "SELECT member_id, version, available_after + pending_after + held_after - debt_after FROM journals"
    " ORDER BY member_id, version"
)


def read_truth(connection: psycopg.Connection[Any]) -> Truth:
    """One moment of the database, and what ``loyalty verify`` says of it."""
    connection.execute("SET jit = off")
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        effects = [
            _effect(kind, prefix, row)
            for kind, (prefix, sql) in _EFFECTS.items()
            for row in connection.execute(sql).fetchall()
        ]
        totals: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for member_id, version, total in connection.execute(_TOTALS).fetchall():
            totals[ids.show("mbr", member_id)].append((version, total))
        return Truth(effects, totals, verdicts(connection))
    finally:
        connection.execute("ROLLBACK")


def verdicts(connection: psycopg.Connection[Any]) -> list[str]:
    """What ``loyalty verify`` finds broken, as the present transaction sees the database."""
    return [
        f"{verdict.invariant.code} {verdict.invariant.rule}: {verdict.broken} broken, {verdict.first}"
        for verdict in judge(connection)
        if verdict.broken
    ]


def verify_now(connection: psycopg.Connection[Any]) -> list[str]:
    """The same of one moment while everything goes on."""
    connection.execute("SET jit = off")
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return verdicts(connection)
    finally:
        connection.execute("ROLLBACK")


def _effect(kind: Kind, prefix: str, row: tuple[str | None, UUID, UUID, int, int | None]) -> Effect:
    subject, id_, member_id, points, version = row
    shown = ids.show(prefix, id_)
    # An enrolled member is what its operation is about; nobody knew the id before.
    member = str(subject) if kind == "enrolment" else ids.show("mbr", member_id)
    return Effect(kind, subject or shown, shown, member, int(points), version)
