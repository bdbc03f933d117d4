"""Which gifts a purchase brings: each rule asked once, in the order of the document.

A rule whose conditions hold counts the purchase for its milestone, or asks its draw; what it then gives is limited by
its caps, its budget and its stock. A draw is asked only while something can be won, and is claimed whether it wins or
not: it was made. Who is younger than the terms of chances say has none made, and neither has who did not say (R57).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from loyalty_api.gifts.rules_limits import COUNTED, claims_of, exhausted, given_key, milestone_key
from loyalty_api.gifts.rules_types import GiftRule, Gifts
from loyalty_api.rulekit import history
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Claim, GiftGiven, Reason
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import moment

Numbers = dict[str, int]
NEVER = frozenset(("alcohol", "tobacco"))
"""Legal classes that are never a gift, whatever a program excludes (R57)."""


@dataclass(frozen=True, slots=True)
class Given:
    """What all rules came to: gifts, why others gave none, and what is counted and taken."""

    gifts: list[GiftGiven] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def give(
    basket: Basket, facts: Facts, gifts: Gifts, *, at: datetime, zone: ZoneInfo, paused: frozenset[str]
) -> Given:
    """The gifts of a settled basket for the member in ``facts``, at ``at``; days are those of ``zone``.

    The caller has seen to it that there is a member who may have some.
    """
    return _Giving(basket, facts, gifts, at, zone, paused).given()


class _Giving:
    """One basket while its gift rules are asked."""

    __slots__ = ("facts", "found", "gifts", "now", "paused", "situation", "spent")

    def __init__(
        self, basket: Basket, facts: Facts, gifts: Gifts, at: datetime, zone: ZoneInfo, paused: frozenset[str]
    ) -> None:
        self.facts, self.gifts, self.paused, self.found = facts, gifts, paused, Given()
        self.now = moment(at=at, zone=zone, basket=basket)
        paid = [line.paid for line in basket.lines]
        counted = [i for i, line in enumerate(basket.lines) if not is_withheld(gifts, line)]
        self.spent = sum([paid[i] for i in counted])
        self.situation = Situation(basket, facts, self.now, paid, counted, gifts.visit_gap)

    def given(self) -> Given:
        for rule in self.gifts.at_purchase:
            self._ask(rule)
        return self.found

    def _ask(self, rule: GiftRule) -> None:
        if rule.rule_id in self.paused:
            self.found.reasons.append(Reason(rule.rule_id, "skipped", "paused"))
            return
        failed = self._refusal(rule)
        if failed is not None:
            self.found.reasons.append(Reason(rule.rule_id, "not_applicable", *failed))
            return
        numbers = self._pulled(rule)
        if numbers is not None:
            day = self.now.day
            self.found.claims.extend(claims_of(rule, day))
            self.found.gifts.append(
                GiftGiven(rule.rule_id, rule.give.kind, rule.trigger.kind, numbers, self._lines(rule))
            )

    def _refusal(self, rule: GiftRule) -> tuple[str, Numbers] | None:
        """Why a rule is not about this purchase at all."""
        if not rule.in_window(self.now.day):
            return "outside_window", {}
        if rule.stores is not None and self.situation.basket.store not in rule.stores:
            return "other_store", {}
        if not self.situation.counted or self.spent <= 0 or rule.rule_id in self.facts.withheld:
            return "not_a_gift", {}
        if rule.profiles and self.facts.member and self.facts.member.no_profiling:
            return "not_profiled", {}
        if rule.trigger.kind == "chance" and (of_age := self._age_refusal()) is not None:
            return of_age
        failed = rule.test(self.situation) if rule.test else None
        return (failed.code, dict(failed.numbers)) if failed else None

    def _age_refusal(self) -> tuple[str, Numbers] | None:
        """Why the member is not of the age that the terms of chances ask for (R57)."""
        terms, member = self.gifts.terms, self.facts.member
        if terms is None or terms.least_age is None or terms.age_fact is None:
            return None
        of_age = member.attributes.get(terms.age_fact) if member else None
        if of_age is True:
            return None
        return ("age_unknown" if of_age is None else "too_young"), {"least": terms.least_age}

    def _pulled(self, rule: GiftRule) -> Numbers | None:
        """The numbers of a trigger that was pulled and lets something through; else the reason is noted."""
        kind = rule.trigger.kind
        reached = self._milestone(rule) if kind in COUNTED else {}
        if reached is None:
            return None
        code = self.facts.no_reward.get(rule.rule_id) or exhausted(rule, self.facts, self.now.day)
        if code is not None:
            self.found.reasons.append(Reason(rule.rule_id, "capped", code))
            return None
        return self._drawn(rule) if kind == "chance" else reached

    def _milestone(self, rule: GiftRule) -> Numbers | None:
        """Count the purchase for its milestone: the numbers once it is reached, and was not rewarded before."""
        key, number, once = milestone_key(rule), rule.trigger.number, rule.trigger.once
        more = self._new_visit() if COUNTED[rule.trigger.kind] == "visits" else self.spent
        before = self.facts.counters.get(key, 0)
        if more:
            self.found.claims.append(Claim("counter", key, more))
        count = before + more
        due = min(1, count // number) if once or rule.trigger.kind == "visit" else count // number
        if due > self.facts.counters.get(given_key(rule), 0):
            return {COUNTED[rule.trigger.kind]: count, "milestone": number}
        numbers = {"count": count, "milestone": number}
        self.found.reasons.append(Reason(rule.rule_id, "not_applicable", "milestone_ahead", numbers))
        return None

    def _new_visit(self) -> int:
        """1 when the last purchase in this store is long enough ago (R19), else 0."""
        last = self.facts.counters.get(history.STORE + self.situation.basket.store)
        return int(last is None or self.now.stamp - last >= self.gifts.visit_gap)

    def _drawn(self, rule: GiftRule) -> Numbers | None:
        chance = self.facts.chances.get(rule.rule_id)
        if chance is None:
            self.found.reasons.append(Reason(rule.rule_id, "not_applicable", "no_draw"))
            return None
        self.found.claims.append(Claim("draw", rule.rule_id, chance.row))
        numbers = {"ticket": chance.ticket, "below": chance.below, "row": chance.row}
        if chance.wins:
            return numbers
        self.found.reasons.append(Reason(rule.rule_id, "not_applicable", "not_drawn", numbers))
        return None

    def _lines(self, rule: GiftRule) -> tuple[str, ...]:
        """The lines of a free item that lies in the basket already."""
        if rule.give.kind != "free_item":
            return ()
        lines = self.situation.basket.lines
        return tuple([line.line_id for line in lines if line.sku == rule.give.sku and line.amount >= 0])


def is_withheld(gifts: Gifts, line: Line) -> bool:
    """Whether a line is kept from gifts: it is none, and brings none (R15, R57)."""
    if line.legal_class in NEVER:
        return True
    return gifts.excluded is not None and "gift" in gifts.excluded(line)
