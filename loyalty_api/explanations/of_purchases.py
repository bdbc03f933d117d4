"""What a purchase gave: the rule and its version, its arithmetic line by line, and what limited it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api import ids
from loyalty_api.explanations import of_redemptions
from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.explanations.of_lots import receipt
from loyalty_api.language import rate_text
from loyalty_api.ledger.reading import rate_of
from loyalty_api.purchases import queries
from loyalty_api.purchases.returned import corrections_of
from loyalty_api.rating.words import Step, correction_steps, reason_text
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.stored import decision_from_json


def bought(asked: Asked, row: Row) -> list[Step]:
    """The purchase, and how the entry came about with it."""
    found = queries.find(asked.connection, row["cause_id"])
    if found is None:
        return []
    steps = [asked.step("purchase", receipt(asked, found))]
    if row["rule"] is not None:
        # What was booked with the purchase is told by the decision of then, whatever was corrected since.
        first = found["outcome"].get("corrected", {}).get("original") or found["decision"]
        decision = decision_from_json(first) if first else None
        told = arithmetic(asked, row, decision, found["currency"])
        return [*steps, *told, *_lines(asked, row, found, decision)]
    if row["kind"] == "redeem":
        return steps + of_redemptions.in_purchase(asked, row)
    return steps


def corrected(asked: Asked, row: Row) -> list[Step]:
    """The purchase, and what it earns by the version then and by the corrected one."""
    found = queries.find(asked.connection, row["cause_id"])
    if found is None:
        return []
    journal = ids.show("jrn", row["journal_id"])
    made = [one for one in corrections_of(found) if one["journal"] == journal]
    told = [step for one in made for step in correction_steps(one, asked.words)]
    return [asked.step("purchase", receipt(asked, found)), *told]


def arithmetic(asked: Asked, row: Row, decision: Decision | None, currency: str) -> list[Step]:
    """The rule of an entry with its version, what it gives for how much, and what limited it."""
    name = asked.rule(row["rule"], row["program_version"], row["occurred_at"])
    basis, label = row["basis"], "level" if row["rule"].startswith("tier:") else "rule"
    rate = rate_text(rate_of(basis), basis["basis"], currency=currency, words=asked.words)
    return [
        asked.step(label, name),
        asked.step("version", str(row["program_version"])),
        asked.step("rate", rate),
        *_limited(asked, row, decision, currency),
    ]


def _limited(asked: Asked, row: Row, decision: Decision | None, currency: str) -> list[Step]:
    """What its cap or budget took, and which it was."""
    words, desired = asked.words, row["basis"]["desired"]
    if desired == row["points"]:
        return []
    capped = words.say("step", "capped", granted=words.points(row["points"]), desired=words.points(desired))
    which = [
        asked.step("cap", reason_text(reason, currency=currency, language=words.language))
        for reason in (decision.reasons if decision else ())
        if reason.rule == row["rule"] and reason.outcome == "capped"
    ]
    return [asked.step("cap", capped), *which]


def _lines(asked: Asked, row: Row, found: Row, decision: Decision | None) -> list[Step]:
    """The points of each line, with what of its price counted."""
    words, currency = asked.words, found["currency"]
    lines = {
        line["line_id"]: line
        for line in queries.lines_of(asked.connection, found["member_id"], found["purchase_id"])
    }
    counted = dict(decision.basis) if decision else {}
    steps = []
    for line_id, points in row["basis"]["lines"].items():
        line = lines.get(line_id)
        label = words.say("step", "line", line=line_label(line, line_id))
        value = words.points(points)
        if line is not None and row["basis"]["unit"] == "amount":
            value = f"{words.money(counted.get(line_id, line['paid']), currency)}: {value}"
        steps.append(Step(label=label, value=value))
    return steps


def line_label(line: Mapping[str, Any] | None, line_id: str) -> str:
    """A line by its product, else by its place on the receipt."""
    return (line and line["sku"]) or line_id
