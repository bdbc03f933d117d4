"""What a basket earns, rule by rule.

Per rule and basket (R9): the basis of all lines in scope is summed, negative ones too; not below 0; converted
and rounded once (or once a line, when the program says so); the result is spread over the positive lines by
largest remainder and kept by line, because returns need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.earning.rules_basis import Basis, basis_of, basis_terms
from loyalty_api.earning.rules_conditions import Moment, moment
from loyalty_api.earning.rules_reading import compiled, read_rules
from loyalty_api.earning.rules_types import Earning, EarningRule
from loyalty_api.errors import Fault
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.program.rules_lots import LotTerms, LotTimes, terms_for
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Effect, NearMiss, Rate, Reason
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.rounding import divide, spread


@dataclass(frozen=True, slots=True)
class Earned:
    """What all rules came to: the basis they worked on, what they gave, and why others gave nothing."""

    basis: Basis
    effects: list[Effect] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    near_misses: list[NearMiss] = field(default_factory=list)

    def nothing(self, rule: EarningRule, code: str, **numbers: int) -> None:
        """Notes that the rule gave nothing, and why."""
        self.reasons.append(Reason(rule.rule_id, "not_applicable", code, numbers))


def check(rules: Sequence[Any], *, lots: LotTerms) -> tuple[Fault, ...]:
    """Every fault in ``earn.rules``; ``lots`` are the program's own terms, which a rule may override."""
    return read_rules(rules, lots=lots)[1]


def parse(section: Mapping[str, Any], *, lots: LotTerms, excluded: Excluded | None) -> Earning:
    """The ``earn`` section (as the program's settings hold it) compiled. Raises ``UnfitDocument``."""
    rules, faults = read_rules(section["rules"], lots=lots)
    if faults:
        raise UnfitDocument(errors=faults)
    ready = [compiled(rule, section=section, lots=lots) for rule in rules]
    return Earning(
        rules=tuple(sorted(ready, key=lambda rule: rule.award != "base")),
        basis=basis_terms(section=section, excluded=excluded),
        lots=lots,
        timed=any(condition.timed for rule in ready for condition in rule.conditions),
    )


def earn(basket: Basket, earning: Earning, *, at: datetime, zone: ZoneInfo) -> Earned:
    """What the basket earns at ``at``, with ``zone`` the program's."""
    earned = Earned(basis_of(basket, earning.basis))
    now = moment(at=at, zone=zone, basket=basket) if earning.timed else None
    times = terms_for(terms=earning.lots, at=at, zone=zone)
    for rule in earning.rules:
        own = times if rule.lots is None else terms_for(terms=rule.lots, at=at, zone=zone)
        _apply(rule, basket, now, own, earned)
    return earned


def _apply(rule: EarningRule, basket: Basket, now: Moment | None, times: LotTimes, earned: Earned) -> None:
    """One rule on the basket: its effect, or the reason why there is none."""
    for condition in rule.conditions:
        if not condition.test(basket, now):
            return earned.nothing(rule, condition.code)
    basis = earned.basis
    if rule.minimum and basis.threshold < rule.minimum:
        missing = rule.minimum - basis.threshold
        earned.near_misses.append(NearMiss(rule.rule_id, {"amount": missing}))
        return earned.nothing(rule, "below_minimum", minimum=rule.minimum, amount=basis.threshold)
    places = _in_scope(rule, basket.lines, basis.earning)
    if not places:
        whole = _in_scope(rule, basket.lines, list(range(len(basket.lines))))
        return earned.nothing(rule, "excluded" if whole else "not_in_scope")
    weights = _weights(rule, basket.lines, basis, places)
    total = sum(weights)
    if total <= 0:
        return earned.nothing(rule, "nothing_to_earn_on", basis=total)
    parts = _points_by_line(rule, weights, total)
    desired = sum(parts)
    if desired == 0:
        return _below_step(rule, total, earned)
    ids = [basket.lines[i].line_id for i in places]
    return _grant(rule, earned, ids=ids, parts=parts, total=total, times=times)


def _in_scope(rule: EarningRule, lines: Sequence[Line], places: list[int]) -> list[int]:
    selects = rule.selects
    return places if selects is None else [i for i in places if selects(lines[i])]


def _weights(rule: EarningRule, lines: Sequence[Line], basis: Basis, places: list[int]) -> list[int]:
    """What each line in scope brings to the sum: money, or a quantity with the sign of its money (R8).

    A line whose basis is zero (free, or paid otherwise) brings no quantity either.
    """
    amounts = basis.undiscounted if rule.ignores_basket_discounts else basis.amounts
    unit = rule.rate.unit
    if unit in ("amount", "basket"):
        return amounts if len(places) == len(amounts) else [amounts[i] for i in places]
    return [_quantity(lines[i], unit, amounts[i]) for i in places]


def _quantity(line: Line, unit: str, amount: int) -> int:
    quantity = line.pieces if unit == "each" else line.quantity if line.unit == unit else 0
    return quantity if amount > 0 else -quantity if amount < 0 else 0


def _points_by_line(rule: EarningRule, weights: list[int], total: int) -> list[int]:
    """The points each line comes to; ``total`` is the positive sum of ``weights``.

    Rounding by line first sets lines below zero off against the others, so that they never add points.
    """
    rate = rule.rate
    positive = weights if min(weights) >= 0 else [max(weight, 0) for weight in weights]
    if rate.unit == "basket":
        return spread(rate.points, positive)
    if rate.by_line:
        shares = positive if sum(positive) == total else spread(total, positive)
        return [_converted(share, rate) for share in shares]
    return spread(_converted(total, rate), positive)


def _converted(basis: int, rate: Rate) -> int:
    """Points for a basis: so many for each whole (half, started) step of it (R20)."""
    return rate.points * divide(basis, rate.per, rate.round)


def _below_step(rule: EarningRule, total: int, earned: Earned) -> None:
    """Notes a basis too small to round to one step, and what is missing when that is one number."""
    rate = rule.rate
    if not rate.by_line:
        step = rate.per if rate.round == "down" else (rate.per + 1) // 2
        measure = "amount" if rate.unit == "amount" else "quantity"
        earned.near_misses.append(NearMiss(rule.rule_id, {measure: step - total}))
    earned.nothing(rule, "below_step", basis=total, step=rate.per)


def _grant(
    rule: EarningRule, earned: Earned, *, ids: list[str], parts: list[int], total: int, times: LotTimes
) -> None:
    """The effect, cut by the rule's cap; what the cap took is named (R22)."""
    desired = granted = sum(parts)
    if rule.cap is not None and desired > rule.cap:
        granted = 0 if rule.refuses_above_cap else rule.cap
        parts = spread(granted, parts)
        numbers = {"cap": rule.cap, "desired": desired, "granted": granted}
        earned.reasons.append(Reason(rule.rule_id, "capped", "capped", numbers))
    shares = tuple([(line_id, points) for line_id, points in zip(ids, parts, strict=True) if points])
    earned.effects.append(
        Effect(
            rule.rule_id,
            rule.award,
            desired,
            granted,
            shares,
            total,
            rule.rate,
            times.available_at,
            times.expires_at,
            times.sliding_months,
            awaits=times.awaits,
        )
    )
