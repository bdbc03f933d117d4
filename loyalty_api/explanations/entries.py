"""Why an entry was booked: the sentence for what moved, and the steps that its cause leads to.

What a cause leads to is one table, ``CAUSES``: a new cause of journals is a row of it, and has its words in ``why``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loyalty_api.adjustments import service as adjustments
from loyalty_api.explanations import (
    of_events,
    of_gifts,
    of_lots,
    of_periods,
    of_purchases,
    of_redemptions,
    of_returns,
)
from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.ledger import queries_lots
from loyalty_api.rating.words import Explanation, Step

Teller = Callable[[Asked, Row], list[Step]]


def entry(asked: Asked, row: Row) -> Explanation:
    """An entry's sentence, what led to it, and, where debt moved, what is owed since when."""
    tell = CAUSES.get(row["cause_type"], _nothing)
    return Explanation(text=_text(asked, row), steps=[*tell(asked, row), *_debt(asked, row)])


def sentence(row: Row) -> str:
    """The key in ``why`` of what moved: by the accounts where they say more than the kind of journal."""
    if row["to_account"] == "debt":
        return "debt_paid" if row["from_account"] == "available" else "debt_undone"
    if row["from_account"] == "debt":
        return "debt_made"
    kind: str = row["kind"]
    return _BY_ACCOUNT.get((kind, row["from_account"], row["to_account"]), kind)


_BY_ACCOUNT = {
    ("adjust", "adjusted", "available"): "adjust_given",
    ("adjust", "available", "adjusted"): "adjust_taken",
    ("return", "redeemed", "available"): "return_given",
    ("return_void", "available", "redeemed"): "return_void_taken",
    ("redeem", "held", "available"): "release",
}


def _text(asked: Asked, row: Row) -> str:
    words, points = asked.words, asked.words.points(row["points"])
    if row["rule"] is not None and row["cause_type"] != "correction":
        name = asked.rule(row["rule"], row["program_version"], row["occurred_at"])
        key = "level" if row["rule"].startswith("tier:") else "earn"
        return words.say("why", key, points=points, rule=name)
    key = sentence(row)
    if key == "activate" and row["cause_type"] == "release":
        key = "unlock"
    return words.say("why", key, points=points)


def _debt(asked: Asked, row: Row) -> list[Step]:
    """What is owed after a movement of debt, and since when."""
    if "debt" not in (row["from_account"], row["to_account"]):
        return []
    steps = []
    before = queries_lots.owed_before(asked.connection, row["member_id"], row["version"])
    if row["to_account"] == "debt" and before:
        value = f"{asked.words.say('entry', before[0])}, {asked.date(before[1])}"
        steps.append(asked.step("owed_since", value))
    return [*steps, asked.step("owed", asked.words.points(row["debt_after"]))]


def _by_time(asked: Asked, row: Row) -> list[Step]:
    """What time did to points that were earned some day: a hold that ended, a wait that is over, a last day."""
    if row["kind"] == "release":
        return of_redemptions.ended(asked, row)
    steps = of_lots.origin(asked, row["member_id"], row["lot_id"])
    if row["kind"] == "activate":
        return [*steps, asked.day("available_at", row["occurred_at"])]
    found = queries_lots.lot(asked.connection, row["member_id"], row["lot_id"]) if row["lot_id"] else None
    if found is None:
        return steps
    moves = queries_lots.moves_of(asked.connection, row["member_id"], row["lot_id"])
    rule = next((move["rule"] for move in moves if move["rule"]), None)
    # It is told as it ended: whatever gave the lot another end later is another journal's.
    ended = {**found, "expires_at": row["occurred_at"]}
    return [*steps, asked.last_day(row["occurred_at"]), *of_lots.terms(asked, ended, rule=rule)]


def _by_event(asked: Asked, row: Row) -> list[Step]:
    """What points waited for, and what they were earned by."""
    found = queries_lots.lot(asked.connection, row["member_id"], row["lot_id"]) if row["lot_id"] else None
    event = found["awaits"] if found and found["awaits"] not in (None, "*") else None
    waited = [asked.step("waited_for", event)] if event else []
    return [*of_lots.origin(asked, row["member_id"], row["lot_id"]), *waited]


def _by_staff(asked: Asked, row: Row) -> list[Step]:
    """Why points were corrected, and in which role; never who."""
    found = adjustments.find(asked.session, member_id=row["member_id"], adjustment_id=row["cause_id"])
    reason = [asked.step("reason", asked.words.say("adjust_reason", found.reason))] if found else []
    return [*reason, asked.step("by", asked.words.say("actor", row["actor_kind"]))]


def _nothing(_asked: Asked, _row: Row) -> list[Step]:
    return []


CAUSES: Mapping[str, Teller] = {
    "purchase": of_purchases.bought,
    "correction": of_purchases.corrected,
    "event": of_events.happened,
    "gift": of_gifts.given,
    "period": of_periods.settled,
    "release": _by_event,
    "redemption": of_redemptions.redeemed,
    "return": of_returns.came_back,
    "return_void": of_returns.came_back,
    "adjustment": _by_staff,
    "time": _by_time,
}
"""What leads to an entry, by the cause of its journal."""
