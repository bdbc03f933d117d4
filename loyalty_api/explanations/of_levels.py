"""What a change of level rests on: the sum that counted, in which period, and what the level asked for then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.explanations.of_lots import receipt
from loyalty_api.purchases import queries as purchases
from loyalty_api.rating.words import Explanation, Step, rule_name
from loyalty_api.tiers.rules import rule_of
from loyalty_api.tiers.rules_grounds import Grounds


def change(asked: Asked, row: Row) -> Explanation:
    """Why a level was taken up or given up; of a change from before grounds were kept, what its line says."""
    rests = Grounds.read(row["grounds"]) if row["grounds"] else None
    named = rests.level if rests and rests.level else row["level"] or row["previous"]
    level = _name(asked, named, rests.version if rests else None, row)
    steps = _counted(asked, rests, row) if rests else []
    steps += [
        asked.step("level_before", _name(asked, row["previous"], rests.version if rests else None, row)),
        asked.step("level_after", _name(asked, row["level"], rests.version if rests else None, row)),
        asked.day("on", row["occurred_at"]),
    ]
    return Explanation(
        text=asked.words.say("tier", _sentence(row, named), level=level), steps=steps + _by(asked, row)
    )


def _sentence(row: Row, named: str | None) -> str:
    """The key of what happened; new rules may raise a member or lower one."""
    if row["reason"] == "rules_changed":
        return "rules_raised" if named == row["level"] else "rules_lowered"
    reason: str = row["reason"]
    return reason


def _counted(asked: Asked, rests: Grounds, row: Row) -> list[Step]:
    """The sum and what the level asked for, in the period in which it was counted."""
    amount = _METRICS[rests.metric]
    currency = asked.currency(rests.version, row["occurred_at"])
    steps = [asked.step("counted_then", amount(asked, rests.value, currency))]
    if rests.level:
        steps.append(asked.step("asked_for", amount(asked, rests.needed, currency)))
    if rests.level and rests.value < rests.needed:
        steps.append(asked.step("missing", amount(asked, rests.needed - rests.value, currency)))
    steps += [_day(asked, "counted_from", rests.first)] if rests.first else []
    steps += [_day(asked, "counted_until", rests.last)] if rests.last else []
    return [*steps, asked.step("version", str(rests.version))]


def _day(asked: Asked, label: str, day: date) -> Step:
    return asked.step(label, asked.words.day(day))


_METRICS: Mapping[str, Callable[[Asked, int, str], str]] = {
    "points": lambda asked, value, _: asked.words.points(value),
    "spend": lambda asked, value, currency: asked.words.money(value, currency),
    "visits": lambda asked, value, _: asked.words.say("tier", "visits", count=value, n=str(value)),
}


def _name(asked: Asked, level: str | None, version: int | None, row: Row) -> str:
    """What a level was called: in the version that decided, else in the last one before it that knew it."""
    if level is None:
        return asked.words.say("tier", "none")
    program = asked.program(version, row["occurred_at"])
    while program is not None and rule_of(level) not in program.names:
        program = asked.programs.numbered(asked.connection, program.version - 1)
    if program is None:
        return level
    return rule_name(rule_of(level), names=program.names, language=asked.words.language)


def _by(asked: Asked, row: Row) -> list[Step]:
    """The purchase that a level was reached by, or why and in which role somebody gave it."""
    if row["reason"] == "reached" and row["cause_id"]:
        bought = purchases.find(asked.connection, row["cause_id"])
        return [asked.step("purchase", receipt(asked, bought))] if bought else []
    if row["reason"] != "assigned":
        return []
    steps = [asked.step("reason", asked.words.say("assign_reason", row["assigned_reason"] or "other"))]
    if row["assigned_until"]:
        steps.append(asked.last_day(row["assigned_until"]))
    return [*steps, asked.step("by", asked.words.say("actor", row["actor_kind"]))]
