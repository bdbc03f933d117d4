"""What a return took and gave: which lines came back, what had been taken before, and where the points came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.explanations.of_lots import receipt
from loyalty_api.explanations.of_purchases import line_label
from loyalty_api.purchases import queries as purchases
from loyalty_api.rating.words import Step
from loyalty_api.returns import service as returns


def came_back(asked: Asked, row: Row) -> list[Step]:
    """The return that an entry belongs to, from what it kept when it was booked."""
    found = returns.find(asked.session, return_id=row["cause_id"])
    outcome = found["outcome"]
    bought = purchases.find(asked.connection, found["purchase_id"]) if found["purchase_id"] else None
    if bought is None:
        return [*_lines(asked, found, {}), *_points(asked, outcome.get("points", {}))]
    lines = purchases.lines_of(asked.connection, bought["member_id"], bought["purchase_id"])
    before = [part.get("points_before", 0) for part in outcome.get("parts", ())]
    return [
        asked.step("purchase", receipt(asked, bought)),
        *asked.points("earned_then", bought["points_base"] + bought["points_bonus"]),
        *_lines(asked, found, {line["line_id"]: line for line in lines}),
        *asked.points("taken_before", sum(before)),
        *_points(asked, outcome.get("points", {})),
        *_kept(asked, outcome),
    ]


def _lines(asked: Asked, found: Row, sold: Mapping[str, Any]) -> list[Step]:
    """What came back of each line: how much of it, for how much, and the points of that part."""
    words, steps = asked.words, []
    for line in found["outcome"].get("lines", ()):
        unit = sold[line["line_id"]]["unit"] if line["line_id"] in sold else "each"
        moved = line["points_taken_back"] or line["points_given_back"]
        goods = words.quantity(line["quantity"], unit)
        value = f"{goods}, {words.money(line['value'], found['currency'] or 'XXX')}: {words.points(moved)}"
        label = words.say("step", "line", line=line_label(line, line["line_id"]))
        steps.append(Step(label=label, value=value))
    return steps


def _points(asked: Asked, points: Row) -> list[Step]:
    """All that the return took and gave, and where it came from."""
    get = points.get
    return [
        *asked.points("taken_now", get("taken_back", 0)),
        *asked.points("from_pending", get("from_pending", 0)),
        *asked.points("from_available", get("from_available", 0)),
        *asked.points("expired_before", get("expired", 0)),
        *asked.points("to_debt", get("to_debt", 0)),
        *asked.points("given_back", get("given_back", 0)),
    ]


def _kept(asked: Asked, outcome: Row) -> list[Step]:
    """Points that the program lets the member keep."""
    kept = [odd["points"] for odd in outcome.get("discrepancies", ()) if odd["code"] == "points_kept"]
    return asked.points("kept", sum(kept))
