"""What a basket costs: promotions asked one after the other, and how they go together.

Lanes act in order (line, basket, tender), inside a lane the higher priority first, ties by id. Of one exclusive group
the promotion stands that takes off most. What one promotion takes off is gone when the next one looks, so percentages
act on the remainder, unless the program adds them up. The page docs/promotions.md is the specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from loyalty_api.promotions.rules_benefits import Offer, Scope, on_sum
from loyalty_api.promotions.rules_benefits_units import in_sets, too_few
from loyalty_api.promotions.rules_limits import Allowance, allowance_for, most_off
from loyalty_api.promotions.rules_lines import Lines, in_number, with_discounts
from loyalty_api.promotions.rules_next import coupon_of
from loyalty_api.promotions.rules_spreading import within
from loyalty_api.promotions.rules_types import Coupon, InSets, OnSum, Priced, Promotion, Promotions
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Discount, NearMiss, NextTime, Reason
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure
from loyalty_api.rulekit.selectors import Selector
from loyalty_api.rulekit.situations import Situation, Test
from loyalty_api.rulekit.windows import Moment, moment
from loyalty_api.values import dataclass

_Numbers = Mapping[str, int] | None


def price(
    basket: Basket,
    facts: Facts,
    promotions: Promotions,
    *,
    at: datetime,
    zone: ZoneInfo,
    paused: frozenset[str] = frozenset(),
) -> Priced:
    """What promotions take off an open basket at ``at``; its own discounts are facts that come before theirs.

    A ``paused`` promotion keeps its place and gives nothing: what it beat does not come back.
    """
    sold = in_number(basket)
    rules = [promotions.rules[number] for number in promotions.index.of(basket.store, basket.lines)]
    now = moment(at=at, zone=zone, basket=basket) if promotions.timed else None
    pricing = _Pricing(sold, facts, promotions, now, (at, zone))
    for _, those in groupby(rules, key=attrgetter("lane")):
        pricing.act(list(those))
    if paused:
        pricing.pause([rule.rule_id for rule in rules if rule.rule_id in paused])
    return pricing.priced(basket)


@dataclass(slots=True)
class _Pricing:
    """One basket while its promotions are asked one after the other."""

    sold: Basket
    facts: Facts
    promotions: Promotions
    now: Moment | None
    sale: tuple[datetime, ZoneInfo]
    lines: Lines = field(init=False)
    discounts: list[Discount] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    near_misses: list[NearMiss] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    allowance: Allowance | None = field(init=False)
    coupons: list[NextTime] = field(default_factory=list)
    _before: Situation = field(init=False)
    _meant: dict[Selector | None, list[int]] = field(default_factory=dict)
    _units: dict[Selector | None, int] = field(default_factory=dict)
    _told: dict[Test, Failure | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = lines = Lines(self.sold, self.promotions.terms)
        self.allowance = allowance_for(self.promotions, self.facts, self.sold.store, *self.sale)
        self._before = self._situation(lines.before)

    def act(self, rules: Sequence[Promotion]) -> None:
        """One lane: each promotion, or each exclusive group, in turn."""
        self.lines.begin()
        self._units.clear()
        for group, those in groupby(rules, key=attrgetter("group")):
            if group is not None:
                self._best_of(those)
                continue
            for rule in those:
                offer = self._offer(rule)
                if offer is not None:
                    self._stand(rule, offer)

    def _best_of(self, group: Iterable[Promotion]) -> None:
        """Of one exclusive group the promotion that takes off most stands; a tie goes to the earlier id."""
        offers = [(rule, offer) for rule in group if (offer := self._offer(rule)) is not None]
        offers.sort(key=lambda one: (-one[1].granted, one[0].rule_id))
        for rule, offer in offers[1:]:
            best = offers[0]
            numbers = {"amount": offer.granted, "best": best[1].granted}
            self._skipped(rule, "better_discount", best[0].rule_id, numbers)
        if offers:
            self._stand(*offers[0])

    def _offer(self, rule: Promotion) -> Offer | None:
        """What a promotion would take off now, cut by its caps and by the floors; or why nothing is noted."""
        scope = self._scope(rule) if self._applies(rule) else None
        if scope is None:
            return None
        benefit = rule.benefit
        if isinstance(benefit, OnSum):
            found = on_sum(benefit, scope)
        elif isinstance(benefit, InSets):
            found = in_sets(benefit, scope)
        else:
            return Offer({})
        if isinstance(found, Failure):
            self._failed(rule, found, scope.places)
            return None
        found.desired = found.desired or found.total
        if not found.desired:
            self._nothing(rule, "nothing_off")
            return None
        self._cut(rule, found)
        if not found.granted:
            self._nothing(rule, "floor_reached")
            return None
        return found

    def _applies(self, rule: Promotion) -> bool:
        """Whether nothing it does not combine with stands already, and its conditions and minimum are met."""
        apart = self.promotions.apart
        against = self._against(rule) if apart and self.standing else None
        if against is not None:
            self._skipped(rule, "not_combined", against)
            return False
        if self.sold.kind not in rule.kinds:
            self._nothing(rule, "other_kind")
            return False
        paid = self.lines.paid(after=True) if rule.after else self.lines.before
        short = rule.minimum - sum([paid[i] for i in self.lines.counted]) if rule.minimum else 0
        if rule.test is not None:
            failed = rule.test(self._situation(paid)) if rule.after else self._asked_before(rule.test)
            if failed is not None:
                self._nothing(rule, failed.code, failed.numbers, failed.missing if short <= 0 else None)
                return False
        if short > 0:
            numbers = {"minimum": rule.minimum, "amount": rule.minimum - short}
            self._nothing(rule, "below_minimum", numbers, {"amount": short})
            return False
        if self.allowance is not None and (ended := self.allowance.ended(rule)) is not None:
            self._nothing(rule, ended.code, ended.numbers)
            return False
        return True

    def _asked_before(self, test: Test) -> Failure | None:
        """Why a condition does not hold before discounts, or None: what many promotions ask is asked once."""
        if test not in self._told:
            self._told[test] = test(self._before)
        return self._told[test]

    def _situation(self, paid: Sequence[int]) -> Situation:
        gap = self.promotions.visit_gap
        return Situation(self.sold, self.facts, self.now, paid, self.lines.counted, gap)

    def _against(self, rule: Promotion) -> str | None:
        apart = self.promotions.apart.get(rule.rule_id)
        return next((other for other in self.standing if other in apart), None) if apart else None

    def _scope(self, rule: Promotion) -> Scope | None:
        """The lines it works on; or the reason why there are none is noted."""
        lines, selects = self.lines, rule.selects
        rows, known = lines.lines, self._meant
        if selects not in known:
            known[selects] = [i for i in lines.allowed if not selects or selects(rows[i])]
        meant = known[selects]
        places = [i for i in meant if not lines.discounted(i)] if rule.left_out else meant
        if not places and (meant or not rule.may_add):
            self._out_of_scope(rule, meant)
            return None
        if rule.least and self._short(rule, meant, places):
            return None
        below = [i for i in lines.returned if selects is None or selects(rows[i])] if lines.returned else []
        return Scope(rule, lines, places, below, self.promotions.terms, self.facts)

    def _short(self, rule: Promotion, meant: Sequence[int], places: Sequence[int]) -> bool:
        """Whether there are too few units for one set: many promotions are about the same goods, counted once."""
        if rule.selects not in self._units:
            self._units[rule.selects] = sum([self.lines.units[i] for i in meant])
        there = self._units[rule.selects]
        if there >= rule.least or not isinstance(rule.benefit, InSets):
            return False
        self._failed(rule, too_few(rule.benefit, [there]), places)
        return True

    def _out_of_scope(self, rule: Promotion, meant: Sequence[int]) -> None:
        by = next((self.lines.last[i] for i in meant if i in self.lines.last), None)
        if by is not None:
            self._skipped(rule, "already_discounted", by)
        elif meant:
            self._nothing(rule, "already_discounted")
        elif any(rule.selects is None or rule.selects(line) for line in self.sold.lines):
            self._nothing(rule, "cannot_be_discounted")
        else:
            self._nothing(rule, "not_in_scope")

    def _failed(self, rule: Promotion, failed: Failure, places: Sequence[int]) -> None:
        """A benefit found nothing: because others took its units, or because there are too few."""
        taken = self.lines.taken_by
        if taken and failed.code in ("too_few_units", "not_in_basket"):
            for i in places:
                if i in taken:
                    self._skipped(rule, "units_taken", taken[i])
                    return
        self._nothing(rule, failed.code, failed.numbers, failed.missing)

    def _cut(self, rule: Promotion, offer: Offer) -> None:
        """No line below its floor, the basket not below its own, and not more than the promotion's cap."""
        most, shares = most_off(self.allowance, rule, self.lines.room)[0], list(offer.shares.values())
        spaces = self.lines.spaces(offer.shares)
        cut = [a if a < b else b for a, b in zip(shares, spaces, strict=True)]
        if sum(cut) > most:
            cut = within(most, cut, cut, self.promotions.terms.spread)
        if cut != shares:
            offer.shares = dict(zip(offer.shares, cut, strict=True))
        offer.granted = sum(cut)

    def _stand(self, rule: Promotion, offer: Offer) -> None:
        """Let a discount stand, and say what cut it."""
        if isinstance(rule.benefit, Coupon):
            self.coupons.append(coupon_of(rule.rule_id, rule.benefit, *self.sale))
            self.standing.append(rule.rule_id)
            return
        rows = self.lines.lines
        granted = offer.granted
        if granted < offer.desired:
            most, code = most_off(self.allowance, rule, self.lines.room)
            code = code if granted == most else "floor_reached"
            numbers = {"desired": offer.desired, "granted": granted}
            self.reasons.append(Reason(rule.rule_id, "capped", code, numbers))
        if self.allowance is not None:
            self.allowance.take(granted)
        shares = tuple([(rows[i].line_id, share) for i, share in sorted(offer.shares.items()) if share])
        some = isinstance(rule.benefit, InSets) and rule.benefit.targets_some and len(offer.used) > 1
        took_part = [(rows[i].line_id, money) for i, (_, money) in sorted(offer.used.items())] if some else []
        self.discounts.append(
            Discount(
                rule.rule_id, rule.lane, rule.said, offer.desired, granted, shares, offer.times,
                tuple(took_part), rule.basket_wide,
            )
        )  # fmt: skip
        consumed = self._consumed(rule, offer)
        self.lines.take(rule.rule_id, offer.shares, consumed)
        if consumed:
            self._units.clear()
        self.standing.append(rule.rule_id)

    def _consumed(self, rule: Promotion, offer: Offer) -> Mapping[int, tuple[int, int]]:
        if not rule.consumes:
            return {}
        lines = self.lines
        return offer.used or {i: (lines.units[i], lines.free[i]) for i in offer.shares}

    def _nothing(
        self, rule: Promotion, code: str, numbers: _Numbers = None, missing: _Numbers = None
    ) -> None:
        if missing:
            self.near_misses.append(NearMiss(rule.rule_id, missing))
        self.reasons.append(Reason(rule.rule_id, "not_applicable", code, numbers or {}))

    def _skipped(self, rule: Promotion, code: str, by: str, numbers: _Numbers = None) -> None:
        self.reasons.append(Reason(rule.rule_id, "skipped", code, numbers or {}, by))

    def pause(self, rules: Sequence[str]) -> None:
        """Of these promotions it is said that they are paused, and nothing else."""
        self.discounts = [one for one in self.discounts if one.rule not in rules]
        self.coupons = [one for one in self.coupons if one.rule not in rules]
        self.reasons = [one for one in self.reasons if one.rule not in rules]
        self.near_misses = [one for one in self.near_misses if one.rule not in rules]
        self.reasons += [Reason(rule_id, "skipped", "paused") for rule_id in rules]

    def priced(self, basket: Basket) -> Priced:
        """The basket as it came, with the discounts on its lines."""
        settled, discounts = with_discounts(basket, self.discounts), tuple(self.discounts)
        return Priced(settled, discounts, tuple(self.reasons), tuple(self.near_misses), tuple(self.coupons))
