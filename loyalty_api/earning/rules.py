"""What a basket earns, rule by rule, and how rules go together.

Base rules give first, then bonuses; of the rules of one exclusive group only the one that gives the member most stands
(of equals the first by id); then multipliers add to what is there, none of them to what another one added. Each rule
works on the sum of its lines (R9), is cut by its own caps, and what it gives lies with the lines, because returns
need it.

A paused rule keeps its place and gives nothing: what it outdid in its group does not come back, and no multiplier gives
more than it would have given without the pause. So a pause can only take away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.earning.rules_awards import points_by_line, points_given, rate_at, weights
from loyalty_api.earning.rules_basis import basis_of, basis_terms
from loyalty_api.earning.rules_caps import budget_key, capped, claims_of
from loyalty_api.earning.rules_reading import compiled, read_rules, where_of
from loyalty_api.earning.rules_types import Earned, Earning, EarningRule, Given
from loyalty_api.errors import Fault
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.program.rules_lots import LotTerms, LotTimes, terms_for
from loyalty_api.rulekit import history
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Claim, Effect, Rate, Reason
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.rounding import spread
from loyalty_api.rulekit.selectors import Scopes
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import moment


def check(rules: Sequence[Any], *, lots: LotTerms) -> tuple[Fault, ...]:
    """Every fault in ``earn.rules``; ``lots`` are the program's own terms, which a rule may override."""
    return read_rules(rules, lots=lots)[1]


def parse(section: Mapping[str, Any], *, lots: LotTerms, excluded: Excluded | None) -> Earning:
    """The ``earn`` section (as the program's settings hold it) compiled. Raises ``UnfitDocument``."""
    rules, faults = read_rules(section["rules"], lots=lots)
    if faults:
        raise UnfitDocument(errors=faults)
    ready = [compiled(rule, section=section, lots=lots) for rule in rules]
    made = [rule for rule, _ in ready]
    counting = tuple([r for r in made if r.budget is not None or any(c.per != "purchase" for c in r.caps)])
    conditions = [condition for _, condition in ready if condition is not None]
    asks: frozenset[str] = frozenset().union(*[condition.asks for condition in conditions])
    additive = [rule for rule in made if rule.multiplies is None]
    return Earning(
        rules=tuple(sorted(additive, key=lambda rule: rule.award != "base")),
        multipliers=tuple([rule for rule in made if rule.multiplies is not None]),
        basis=basis_terms(section=section, excluded=excluded),
        lots=lots,
        timed=bool(counting) or any(condition.timed for condition in conditions),
        asks=asks,
        past=frozenset([key for key in asks if key.startswith(history.PREFIX)]),
        counting=counting,
        visit_gap=section["visit_gap_minutes"],
        budgets={budget_key(rule): rule.budget for rule in counting if rule.budget is not None},
        scopes=Scopes({rule["id"]: where for rule in rules if (where := where_of(rule))}),
    )


def earn(basket: Basket, facts: Facts, earning: Earning, *, at: datetime, zone: ZoneInfo) -> Earned:
    """What the basket earns at ``at``, with ``zone`` the program's."""
    found = _Earning(basket, facts, earning, at, zone).earned()
    found.claims.extend(remembered(basket, facts, earning, at=at, zone=zone))
    return found


def remembered(
    basket: Basket, facts: Facts, earning: Earning, *, at: datetime, zone: ZoneInfo
) -> tuple[Claim, ...]:
    """The numbers of the member's history once it holds this purchase, whether it earns or not."""
    if not earning.past or facts.member is None:
        return ()
    now = moment(at=at, zone=zone, basket=basket)
    known = history.after(facts.counters, basket, now, earning.past)
    return tuple([Claim("history", key, value) for key, value in sorted(known.items())])


class _Earning:
    """One basket while its rules are asked one after the other."""

    __slots__ = (
        "at",
        "basis",
        "day",
        "earning",
        "facts",
        "found",
        "lines",
        "scopes",
        "situation",
        "times",
        "zone",
    )

    def __init__(self, basket: Basket, facts: Facts, earning: Earning, at: datetime, zone: ZoneInfo) -> None:
        self.lines, self.facts, self.earning, self.at, self.zone = basket.lines, facts, earning, at, zone
        self.basis = basis_of(basket, earning.basis)
        self.scopes = earning.scopes.places(basket.lines)
        now = moment(at=at, zone=zone, basket=basket) if earning.timed else None
        self.day: date | None = now.day if now else None
        self.situation = Situation(basket, facts, now, self.basis.paid, self.basis.counted, earning.visit_gap)
        self.times = terms_for(terms=earning.lots, at=at, zone=zone)
        self.found = Earned(self.basis)

    def earned(self) -> Earned:
        standing = self._standing([self._apply(rule) for rule in self.earning.rules])
        self._keep(standing)
        if self.earning.multipliers:
            there = _there([one.effect for one in standing])
            multiplied = self._standing(
                [self._multiply(rule, there[rule.multiplies or "all"]) for rule in self.earning.multipliers]
            )
            self._keep(self._lessened(multiplied) if self.earning.paused else multiplied)
        if self.earning.paused:
            self._tell_of_pauses()
        return self.found

    def _keep(self, standing: list[Given]) -> None:
        """What stands and is not paused."""
        for one in standing:
            if one.rule.rule_id not in self.earning.paused:
                self.found.keep(one)

    def _lessened(self, multiplied: list[Given]) -> list[Given]:
        """The multipliers on what is left without the paused rules, none of them giving more than it did on all."""
        there = _there(self.found.effects)
        again = [
            self._multiply(one.rule, there[one.rule.multiplies or "all"], most=one.effect.granted)
            for one in multiplied
            if one.rule.rule_id not in self.earning.paused
        ]
        return [given for given in again if given is not None]

    def _tell_of_pauses(self) -> None:
        """Of a paused rule it is said that it is paused, and nothing else."""
        found, paused = self.found, self.earning.paused
        found.near_misses[:] = [miss for miss in found.near_misses if miss.rule not in paused]
        found.reasons[:] = [reason for reason in found.reasons if reason.rule not in paused]
        found.reasons.extend(
            [
                Reason(rule.rule_id, "skipped", "paused")
                for rule in self.earning.every
                if rule.rule_id in paused
            ]
        )

    def _standing(self, made: Sequence[Given | None]) -> list[Given]:
        """What the rules give, of each exclusive group only the best."""
        given = [one for one in made if one is not None]
        standing: list[Given] = []
        best: dict[str, Given] = {}
        for one in sorted(given, key=lambda one: (-one.effect.granted, one.rule.rule_id)):
            if one.rule.group is not None:
                best.setdefault(one.rule.group, one)
        for one in given:
            winner = best.get(one.rule.group, one) if one.rule.group else one
            if winner is one:
                standing.append(one)
                continue
            numbers = {"points": one.effect.granted, "best": winner.effect.granted}
            code = "paused_in_group" if winner.rule.rule_id in self.earning.paused else "better_in_group"
            self.found.reasons.append(Reason(one.rule.rule_id, "skipped", code, numbers, winner.rule.rule_id))
        return standing

    def _applies(self, rule: EarningRule) -> bool:
        """Whether the rule's conditions and its minimum are met; else the reason is noted, and what was missing."""
        failed = rule.test(self.situation) if rule.test is not None else None
        short = rule.minimum - self.basis.threshold if rule.minimum else 0
        if failed is not None:
            if failed.missing is not None and short <= 0:
                self.found.missing(rule, **failed.missing)
            self.found.nothing(rule, failed.code, **failed.numbers)
            return False
        if short > 0:
            self.found.missing(rule, amount=short)
            self.found.nothing(rule, "below_minimum", minimum=rule.minimum, amount=self.basis.threshold)
            return False
        return True

    def _scope(self, rule: EarningRule) -> list[int]:
        """The places of the lines that the rule is about and that may earn."""
        earning = self.basis.earning
        if rule.selects is None:
            return earning
        places = self.scopes.get(rule.rule_id, [])
        return places if len(earning) == len(self.lines) else [i for i in places if i in earning]

    def _apply(self, rule: EarningRule) -> Given | None:
        """One base or bonus rule: what it would give, or the reason why nothing."""
        if not self._applies(rule):
            return None
        lines, found = self.lines, self.found
        places = self._scope(rule)
        if not places:
            whole = self.scopes.get(rule.rule_id) if rule.selects else lines
            found.nothing(rule, "excluded" if whole else "not_in_scope")
            return None
        sums = weights(rule, lines, self.basis, places)
        total = sum(sums)
        if total <= 0:
            found.nothing(rule, "nothing_to_earn_on", basis=total)
            return None
        rate = rate_at(rule, total)
        parts = points_by_line(rate, sums, total) if rate else []
        if rate is None or sum(parts) == 0:
            self._below_step(rule, total)
            return None
        return self._given(rule, rate, [lines[i].line_id for i in places], parts, total)

    def _multiply(
        self, rule: EarningRule, points: Mapping[str, int], *, most: int | None = None
    ) -> Given | None:
        """One multiplier: what it adds to the points that are there, by line, and no more than ``most``."""
        if not self._applies(rule):
            return None
        selects = rule.selects
        ids = [
            line.line_id for line in self.lines if line.line_id in points and (not selects or selects(line))
        ]
        there = [points[line_id] for line_id in ids]
        total = sum(there)
        parts = points_by_line(rule.rate, there, total) if total else []
        if sum(parts) == 0:
            self.found.nothing(rule, "nothing_to_multiply", points=total)
            return None
        return self._given(rule, rule.rate, ids, parts, total, most=most)

    def _below_step(self, rule: EarningRule, total: int) -> None:
        """Notes a basis too small for the first step, and what is missing when that is one number."""
        rate = rule.rate
        step = (rate.per + 1) // 2 if rate.round != "down" else rate.per
        if not rate.by_line:
            measure = "amount" if rate.unit in ("amount", "step") else "quantity"
            self.found.missing(rule, **{measure: step - total})
        self.found.nothing(rule, "below_step", basis=total, step=rate.per)

    def _given(
        self,
        rule: EarningRule,
        rate: Rate,
        ids: list[str],
        parts: list[int],
        total: int,
        *,
        most: int | None = None,
    ) -> Given:
        """The effect, cut by the rule's caps; what a cap took is named (R22)."""
        desired = granted = sum(parts)
        reason: Reason | None = None
        claims: tuple[Claim, ...] = ()
        if rule.caps or rule.budget is not None:
            granted, reason = capped(rule, desired, self.facts, self.day)
            # A limit that refuses lets less pass that asks for less: with a pause it must not open.
            granted = granted if most is None else min(granted, most)
            if granted < desired:
                parts = spread(granted, parts)
            claims = claims_of(rule, granted, self.day)
        times = self._times(rule)
        effect = Effect(
            rule.rule_id,
            rule.award,
            desired,
            granted,
            tuple([(line_id, points) for line_id, points in zip(ids, parts, strict=True) if points]),
            total,
            rate,
            times.available_at,
            times.expires_at,
            times.sliding_months,
            awaits=times.awaits,
        )
        return Given(rule, effect, reason, claims)

    def _times(self, rule: EarningRule) -> LotTimes:
        return self.times if rule.lots is None else terms_for(terms=rule.lots, at=self.at, zone=self.zone)


def _there(effects: Sequence[Effect]) -> dict[str, dict[str, int]]:
    """The points by line that a multiplier of ``base`` points, and one of ``all``, find there."""
    return {"base": points_given(effects, award="base"), "all": points_given(effects)}
