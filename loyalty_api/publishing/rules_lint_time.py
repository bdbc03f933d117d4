"""Time: gaps between windows that look continuous, hours that clocks skip or repeat, and terms that get worse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from loyalty_api.publishing.rules_lint_firing import Reach
from loyalty_api.publishing.rules_lint_times import day_fits, minute_of
from loyalty_api.publishing.rules_lint_types import Finding, Ground, Sale, gave
from loyalty_api.publishing.rules_lint_wishes import Demand
from loyalty_api.publishing.rules_lint_worth import price_of
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.days import ONE_DAY, begins, local_day

_LOOKS_CONTINUOUS = 14
_AHEAD = 400
_SHORT = 120
_QUARTER = timedelta(minutes=15)


def gaps(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Between rules that are the same but for their days: a few days that neither of them covers, or both do."""
    families: dict[str, list[Reach]] = {}
    for found in reached:
        if found.fires and (found.rule.when.get("from") or found.rule.when.get("until")):
            families.setdefault(_family(found), []).append(found)
    for family in families.values():
        ordered = sorted(family, key=lambda found: found.rule.when.get("from") or date.min)
        for one, other in pairwise(ordered):
            ends, begins = one.rule.when.get("until"), other.rule.when.get("from")
            if ends is None or begins is None:
                continue
            between = (begins - ends).days - 1
            if 0 < between <= _LOOKS_CONTINUOUS:
                yield from _gap(ground, one, other, between)
            elif between < 0 and one.rule.compiled.group is None:
                yield from _overlap(ground, one, other, begins)


def _family(found: Reach) -> str:
    said = {name: value for name, value in found.rule.said.items() if name not in ("id", "name")}
    said["when"] = {k: v for k, v in said.get("when", {}).items() if k not in ("from", "until")}
    return json.dumps(said, sort_keys=True)


def _gap(ground: Ground, one: Reach, other: Reach, days: int) -> Iterator[Finding]:
    """Shown by a sale on the last day before, one within, and one on the first day after."""
    ends = one.rule.when["until"]
    rules = [one.rule.rule_id, other.rule.rule_id]
    sales = [_on(one.fires[-1], ends + n * ONE_DAY) for n in (0, 1, days + 1)]
    given = [[gave(ground.decide(sale), rule) > 0 for rule in rules] for sale in sales]
    if given == [[True, False], [False, False], [False, True]]:
        yield ground.finding("gap_between_windows", "warning", rules, sales, numbers={"days": days})


def _overlap(ground: Ground, one: Reach, other: Reach, begins: date) -> Iterator[Finding]:
    rules = [one.rule.rule_id, other.rule.rule_id]
    sale = _on(one.fires[-1], begins)
    if all(gave(ground.decide(sale), rule) for rule in rules):
        yield ground.finding("windows_overlap", "warning", rules, [sale])


def _on(sale: Sale, day: date) -> Sale:
    """The same sale on another day, at the same hour; where clocks skip it, at the hour they show instead."""
    at = datetime.combine(day, sale.at.time(), sale.at.tzinfo)
    return replace(sale, at=at.astimezone(UTC).astimezone(sale.at.tzinfo))


def clock_changes(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Windows of hours that fall into the hour which is missing in spring, or into the one that comes twice."""
    asking = [found for found in reached if found.fires and any(map(_briefly, found.ways))]
    days = list(_changes(ground)) if asking else []
    for found in asking:
        made = [finding for day, skips in days for finding in _on_change(ground, found, day, skips=skips)]
        seen: set[str] = set()
        for finding in made:
            if finding.code not in seen:
                seen.add(finding.code)
                yield finding


def _briefly(demands: Sequence[Demand]) -> bool:
    """Whether a window of hours is so short that a change of clocks can make a difference."""
    windows = [window for demand in demands if demand.name == "hours" for window in demand.value]
    lengths = [(minute_of(window["until"]) - minute_of(window["from"])) % (24 * 60) for window in windows]
    return any(length <= _SHORT for length in lengths)


def _changes(ground: Ground) -> Iterator[tuple[date, bool]]:
    """The days to come on which clocks change, and whether they skip an hour (or repeat one)."""
    zone = ground.program.settings.zone
    today = local_day(ground.now, zone)
    offsets = [
        datetime.combine(today + n * ONE_DAY, time(), zone).utcoffset() or timedelta()
        for n in range(_AHEAD + 1)
    ]
    for n, (before, after) in enumerate(pairwise(offsets)):
        if before != after:
            yield today + n * ONE_DAY, after > before


def _on_change(ground: Ground, found: Reach, day: date, *, skips: bool) -> Iterator[Finding]:
    """What becomes of a rule on a day on which clocks change, beside an ordinary day of the same kind."""
    rule, sale = found.rule.rule_id, found.fires[-1]
    program = ground.alone(found.rule)

    def fires(at: datetime) -> bool:
        return gave(evaluate(sale.basket, sale.facts, program, at), rule) > 0

    usual = next((fired for n in (-7, 7) if (fired := _firing(ground, day + n * ONE_DAY, fires))), [])
    if not usual or not any(day_fits(way, day) for way in found.ways):
        return
    fired = _firing(ground, day, fires)
    if skips and not fired:
        sales = [replace(sale, at=usual[0]), _on(replace(sale, at=usual[0]), day)]
        if not gave(ground.decide(sales[1]), rule):
            yield ground.finding("hours_missing", "warning", [rule], sales, words={"day": day.isoformat()})
    if not skips and len(usual) <= _SHORT // 15:
        # The second time round is marked by its fold, which comparing does not see.
        twice = [at for at in fired if at.fold and at.replace(fold=0) in fired]
        if twice:
            sales = [replace(sale, at=twice[0].replace(fold=fold)) for fold in (0, 1)]
            yield ground.finding("hours_doubled", "note", [rule], sales, words={"day": day.isoformat()})


def _firing(ground: Ground, day: date, fires: Any) -> list[datetime]:
    """The quarters of an hour of a day in which a rule fires; a day may have 23 or 25 hours."""
    zone = ground.program.settings.zone
    start, end = (begins(day + n * ONE_DAY, zone) for n in (0, 1))
    quarters = [(start + n * _QUARTER).astimezone(zone) for n in range(int((end - start) / _QUARTER))]
    return [at for at in quarters if fires(at)]


def worse_terms(ground: Ground, reached: Sequence[Reach], against: Program | None) -> Iterator[Finding]:
    """Terms that are worse than those points have that are there already."""
    if against is None:
        return
    yield from _worth_less(ground, reached, against)
    for code, name in (("expires_sooner", "expires_at"), ("available_later", "available_at")):
        worse = [
            (found, sale) for found in reached if (sale := _worse(found, ground, against, name)) is not None
        ]
        if worse:
            yield ground.finding(code, "warning", [found.rule.rule_id for found, _ in worse], [worse[0][1]])


def _worse(found: Reach, ground: Ground, against: Program, name: str) -> Sale | None:
    """A sale whose points live shorter, or wait longer, than they do by the version in force."""
    for sale in found.fires[-1:]:
        before = evaluate(sale.basket, sale.facts, against, sale.at)
        moments = [
            [getattr(effect, name) for effect in decision.effects if effect.rule == found.rule.rule_id]
            for decision in (before, ground.decide(sale))
        ]
        if all(moments) and _is_worse(moments[0][0], moments[1][0], name):
            return sale
    return None


def _is_worse(old: datetime | None, new: datetime | None, name: str) -> bool:
    if name == "expires_at":
        return new is not None and (old is None or new < old)
    return old is not None and (new is None or new > old)


def _worth_less(ground: Ground, reached: Sequence[Reach], against: Program) -> Iterator[Finding]:
    old, new = price_of(replace(ground, program=against)), price_of(ground)
    if old is None or (new is not None and new.amount * old.points >= old.amount * new.points):
        return
    sale = next((found.fires[-1] for found in reached if found.fires), None)
    if sale is not None:
        points = ground.decide(sale).points()
        numbers = {
            "points": points,
            "old_money": old.worth(points),
            "new_money": new.worth(points) if new else 0,
        }
        yield ground.finding("points_worth_less", "warning", [], [sale], numbers=numbers)
