"""Where promotions end: budgets of all members together, limits of each member, days on which one rests. Pure.

What was given before comes in as counters of the member and as what is left of budgets; what is given goes out as
claims on the same keys, in the order of the keys. Keys speak of the promotion's id and not of a version, so that a new
version goes on counting. A period is one of the program's days, weeks (from Monday), months or years, or ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.promotions.rules_types import Limit, Promotion, Promotions
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Claim, Discount, NextTime
from loyalty_api.rulekit.facts import Facts, Needs
from loyalty_api.rulekit.outcomes import Failure
from loyalty_api.rulekit.periods import period_of

EVERY_PROMOTION = "*"
"""Stands for the promotion in the keys of what all of them together have taken off for a member."""
OFF, TIMES = "off", "use"
"""What keys count: minor units that were taken off, and in how many purchases."""
USED_UP, REACHED, RESTING, CEILING = "budget_used_up", "limit_reached", "resting", "ceiling_reached"
OF_MEMBER = frozenset((REACHED, RESTING, CEILING))
"""Why a promotion gives nothing, or less, to this member, and would give it to another."""


def _key(rule_id: str, what: str, day: date, per: str, store: str | None = None) -> str:
    key = f"{rule_id}:{what}:{period_of(day, per)}"
    return f"{key}:{store.removeprefix('str_')}" if store else key


def is_of_promotion(key: str) -> bool:
    """Whether a key is a promotion's, and not that of a rule that gives points."""
    return key.split(":")[1] in (OFF, TIMES)


def rule_of_limit(key: str) -> str:
    """The promotion that a key speaks of."""
    return key.partition(":")[0]


def told_of_limit(key: str, most: int) -> dict[str, Any]:
    """What a budget is, in the words of the program: how much or how often, in which period, in which store."""
    _, what, period, *store = key.split(":")
    where = {"store": f"str_{store[0]}"} if store else {}
    return {"amount" if what == OFF else "times": most, "period": period, **where}


def budget_keys(rule: Promotion, *, day: date, store: str) -> dict[str, int]:
    """The budget of a promotion on a day in a store, by the keys under which it is kept."""
    limits = rule.limits
    if limits is None or limits.budget is None:
        return {}
    budget, where = limits.budget, store if limits.by_store else None
    said = ((OFF, budget.amount), (TIMES, budget.times))
    return {_key(rule.rule_id, what, day, budget.per, where): most for what, most in said if most is not None}


def _resting_days(rule: Promotion, day: date) -> list[str]:
    """The counters of the days on which a use keeps the promotion from being used on ``day``."""
    days = rule.limits.cooldown if rule.limits else 0
    return [_key(rule.rule_id, TIMES, day - timedelta(days=back), "day") for back in range(days)]


def _of_member(rule: Promotion, day: date) -> list[tuple[str, Limit]]:
    limits = rule.limits.of_member if rule.limits else ()
    return [(_key(rule.rule_id, OFF if one.times is None else TIMES, day, one.per), one) for one in limits]


def _ceiling_key(promotions: Promotions, day: date) -> str | None:
    return _key(EVERY_PROMOTION, OFF, day, promotions.ceiling.per) if promotions.ceiling else None


def meant(promotions: Promotions, basket: Basket) -> list[Promotion]:
    """Those that run out and that a basket may meet, or whose discounts stand on its lines already."""
    if not promotions.limited:
        return []
    named = {one.promotion_id for line in basket.lines for one in line.discounts if one.promotion_id}
    met = promotions.index.of(basket.store, basket.lines)
    found = {promotions.rules[n].rule_id for n in met} | named
    return [rule for rule in promotions.limited if rule.rule_id in found]


def needs(
    promotions: Promotions, rules: Iterable[Promotion], *, day: date, store: str
) -> tuple[Needs, dict[str, int]]:
    """The counters and limits that pricing asks for on a day in a store when it asks these promotions, and the budgets
    by the keys of the limits."""
    counters: set[str] = set()
    budgets: dict[str, int] = {}
    for rule in rules:
        budgets |= budget_keys(rule, day=day, store=store)
        counters.update([key for key, _ in _of_member(rule, day)], _resting_days(rule, day))
    if ceiling := _ceiling_key(promotions, day):
        counters.add(ceiling)
    return Needs(frozenset(counters), frozenset(budgets)), budgets


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a budget or a limit: minor units, or purchases (``times``); and why, when it is not enough."""

    left: int
    times: bool
    why: Failure

    def short_of(self, amount: int) -> bool:
        """Whether so much cannot be taken off any more."""
        return self.left < (1 if self.times else amount)


class Allowance:
    """What promotions may still give while one basket is priced, or while it is seen what a sale has given."""

    __slots__ = ("_ceiling", "_day", "_facts", "_store")

    def __init__(self, promotions: Promotions, facts: Facts, *, day: date, store: str) -> None:
        self._facts, self._day, self._store = facts, day, store
        self._ceiling: int | None = None
        key = _ceiling_key(promotions, day)
        if key and promotions.ceiling and facts.member:
            self._ceiling = max(0, (promotions.ceiling.amount or 0) - facts.counters.get(key, 0))

    def ended(self, rule: Promotion) -> Failure | None:
        """Why a promotion gives nothing any more, or nothing to this member now; None when it may."""
        if rule.limits and rule.limits.asks_who and self._facts.member is None:
            return Failure("no_member")
        if self.rests(rule):
            return Failure(RESTING, {"days": rule.limits.cooldown if rule.limits else 0})
        return next((one.why for one in self._all(rule) if one.short_of(1)), None)

    def most(self, rule: Promotion) -> Left | None:
        """What allows least of the money that a promotion may take off; None when nothing does."""
        money = [one for one in self._all(rule) if not one.times]
        return min(money, key=lambda one: one.left) if money else None

    def rests(self, rule: Promotion) -> bool:
        """Whether the member used it so lately that it rests."""
        return any(self._facts.counters.get(key, 0) > 0 for key in _resting_days(rule, self._day))

    def take(self, amount: int) -> None:
        """So much was taken off, and the next promotion may give less for it."""
        if self._ceiling is not None:
            self._ceiling = max(0, self._ceiling - amount)

    def of_budget(self, rule: Promotion) -> dict[str, Left]:
        """What is left of a promotion's budget, by key."""
        return {
            key: _left(self._facts.limits.get(key, most), most, USED_UP, times=f":{TIMES}:" in key)
            for key, most in sorted(budget_keys(rule, day=self._day, store=self._store).items())
        }

    def of_member(self, rule: Promotion | None) -> list[Left]:
        """What is left to the member: of this promotion, and of what all may take off together."""
        found = []
        for key, limit in _of_member(rule, self._day) if rule and self._facts.member else ():
            most, times = (limit.amount or 0, False) if limit.times is None else (limit.times, True)
            left = most - self._facts.counters.get(key, 0)
            found.append(_left(left, most, REACHED, times=times))
        if self._ceiling is not None:
            found.append(Left(self._ceiling, times=False, why=Failure(CEILING)))
        return found

    def _all(self, rule: Promotion) -> list[Left]:
        return [*self.of_budget(rule).values(), *self.of_member(rule)]


def allowance_for(
    promotions: Promotions, facts: Facts, store: str, at: datetime, zone: ZoneInfo
) -> Allowance | None:
    """What promotions may still give at a moment in a store; None where nothing of them runs out."""
    if not promotions.counts:
        return None
    return Allowance(promotions, facts, day=local_day(at, zone), store=store)


def most_off(allowance: Allowance | None, rule: Promotion, room: int) -> tuple[int, str]:
    """The most that a promotion may take off a basket with so much ``room``, and the code of what says so."""
    if allowance is None and rule.most_off is None:
        return room, "floor_reached"
    allowed = allowance.most(rule) if allowance else None
    most = [] if rule.most_off is None else [(rule.most_off, "capped_discount")]
    most += [(allowed.left, allowed.why.code)] if allowed else []
    return min([*most, (room, "floor_reached")], key=lambda one: one[0])


def _left(left: int, most: int, code: str, *, times: bool) -> Left:
    return Left(max(0, left), times, Failure(code, {"times" if times else "amount": most}))


@dataclass(frozen=True, slots=True)
class Covered:
    """What the discounts of a purchase take of budgets and count for its member.

    ``short`` are promotions that gave what their budget no longer held, with the minor units that it does not cover;
    ``beyond`` those that gave a member more than the member's limits allow.
    """

    claims: tuple[Claim, ...] = ()
    short: Mapping[str, int] = field(default_factory=dict)
    beyond: Sequence[str] = ()


def covered(
    discounts: Iterable[Discount],
    promotions: Promotions,
    facts: Facts,
    *,
    day: date,
    store: str,
    coupons: Iterable[NextTime] = (),
) -> Covered:
    """What was given is a fact (R1): it takes of a budget as much as is left, and counts for the member in full.

    A discount that took nothing off takes nothing and is no use. A coupon for another time is one use, and no money.
    """
    given = [one for one in discounts if one.granted > 0]
    allowance = Allowance(promotions, facts, day=day, store=store)
    limited = {rule.rule_id: rule for rule in promotions.limited}
    short: dict[str, int] = {}
    beyond: list[str] = []
    taken: list[Claim] = []
    counted: dict[str, int] = {}
    for one in given:
        rule = limited.get(one.rule)
        if rule is not None:
            claims, lacking = _of_budget(allowance.of_budget(rule), one.granted)
            taken += claims
            short |= {one.rule: lacking} if lacking else {}
            counted |= _counted(rule, one.granted, day)
        rests = rule is not None and allowance.rests(rule)
        if rests or any(left.short_of(one.granted) for left in allowance.of_member(rule)):
            beyond.append(one.rule)
        allowance.take(one.granted)
    if given and (ceiling := _ceiling_key(promotions, day)):
        counted[ceiling] = sum([one.granted for one in given])
    for coupon in coupons:
        if (rule := limited.get(coupon.rule)) is not None:
            taken += [Claim("limit", key, 1) for key, one in allowance.of_budget(rule).items() if one.times]
            counted |= {key: times for key, times in _counted(rule, 0, day).items() if times}
    if facts.member is not None:
        taken += [Claim("counter", key, amount) for key, amount in sorted(counted.items())]
    return Covered(tuple(taken), short, beyond)


def _of_budget(budget: Mapping[str, Left], granted: int) -> tuple[list[Claim], int]:
    """What a discount takes of its budget, and the minor units of it that were not there to take.

    Where it may not be used any more nothing of its money is taken.
    """
    covers = min([granted, *[one.left for one in budget.values() if not one.times]])
    if not covers or any(one.left < 1 for one in budget.values()):
        return [], granted if budget else 0
    claims = [Claim("limit", key, 1 if one.times else covers) for key, one in budget.items()]
    return claims, granted - covers


def _counted(rule: Promotion, granted: int, day: date) -> dict[str, int]:
    """What counts for the member: money and times by period, and the day itself where the promotion rests."""
    found = {key: granted if one.times is None else 1 for key, one in _of_member(rule, day)}
    if rule.limits and rule.limits.cooldown:
        found[_key(rule.rule_id, TIMES, day, "day")] = 1
    return found
