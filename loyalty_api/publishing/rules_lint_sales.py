"""Sales made to measure: baskets, members and moments that meet what rules ask for, at and around every threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

from loyalty_api.publishing.rules_lint_products import Where, any_product, line_of, product_for, where_of
from loyalty_api.publishing.rules_lint_times import (
    Impossible,
    Past,
    moment_for,
    named,
    past_for,
    within,
)
from loyalty_api.publishing.rules_lint_types import Ground, Rule, Sale
from loyalty_api.publishing.rules_lint_wishes import Demand
from loyalty_api.rulekit import history
from loyalty_api.rulekit.basket import Basket, Line, Payment
from loyalty_api.rulekit.days import ONE_DAY
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.selectors import selector

# A rule that asks for more lines than this is given as many as this.
_MOST_LINES = 50
_KINDS = ("sale", "business", "staff")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything of a sale but its goods: who, where, when, and how it is paid. ``beside`` are lines it needs."""

    at: datetime
    facts: Facts
    store: str
    channel: str
    kind: str
    payments: tuple[str, ...]
    coupons: tuple[str, ...]
    beside: tuple[Line, ...]
    product: Line

    def sale(self, currency: str, amount: int, *, quantity: int = 1, unit: str = "each") -> Sale:
        """The sale with so much of its product."""
        first = line_of(self.product, "1", amount, quantity=quantity, unit=unit)
        lines = (first, *self.beside)
        total = sum([line.amount for line in lines])
        # Each kind that is asked for pays a little, and the last one the rest.
        small = [min(1, total)] * (len(self.payments) - 1)
        parts = [*small, total - sum(small)]
        paid = tuple([Payment(kind, part) for kind, part in zip(self.payments, parts, strict=True)])
        basket = Basket(self.store, currency, lines, paid, self.kind, self.channel, coupons=self.coupons)
        return Sale(basket, self.facts, self.at)


def scene(
    ground: Ground, wheres: Sequence[Where], demands: Sequence[Demand], *, priced: bool = False
) -> Scene:
    """A scene in which the demands are met, with a product of all ``wheres`` that may earn (``priced``: be discounted).

    :raises Impossible: they contradict each other, or the program.
    """
    settings = ground.program.settings
    _bounds_agree(demands)
    goods = product_for(ground, wheres, effect="discount" if priced else "earn")
    at = moment_for(demands, now=ground.now, zone=settings.zone)
    at, attributes = _enrolment(demands, at)
    past = past_for(demands, day=at.date(), visit_gap=ground.program.earning.visit_gap)
    store = _one(demands, "store", ("lint-store",))
    kinds = frozenset(_KINDS) if priced else ground.program.settings.earning_kinds
    member, kind = _member(ground, demands, attributes, kinds)
    return Scene(
        at,
        Facts(member, _counters(demands, past, at, store)),
        store,
        _one(demands, "channel", ("store", "web", "app")),
        kind,
        _several(demands, "payment") or (_one(demands, "payment", ("card", "cash", "lint-payment")),),
        _several(demands, "coupon"),
        tuple(_beside(ground, demands, goods)),
        goods,
    )


def _one(demands: Sequence[Demand], name: str, usual: tuple[str, ...]) -> str:
    """A word that is in every list it must be in, and in none that it must not."""
    wanted = [demand.value for demand in named(demands, name) if demand.holds]
    unwanted = {word for demand in named(demands, name) if not demand.holds for word in demand.value}
    words = [word for word in (wanted[0] if wanted else usual) if word not in unwanted]
    for word in words:
        if all(word in one for one in wanted):
            return word
    if not wanted:
        return f"{usual[0]}-other"
    raise Impossible(name)


def _several(demands: Sequence[Demand], name: str) -> tuple[str, ...]:
    """For each list one word of it, where several may be there at once."""
    unwanted = {word for demand in named(demands, name) if not demand.holds for word in demand.value}
    found: list[str] = []
    for demand in named(demands, name):
        if demand.holds:
            words = [word for word in demand.value if word not in unwanted]
            if not words:
                raise Impossible(name)
            found.append(words[0])
    return tuple(dict.fromkeys(found))


def _member(
    ground: Ground,
    demands: Sequence[Demand],
    attributes: Mapping[str, str | int | bool],
    kinds: frozenset[str],
) -> tuple[Member, str]:
    """The member, and the kind of basket that it must be: one of ``kinds``."""
    said = {demand.value == demand.holds for demand in named(demands, "staff")}
    if len(said) > 1:
        raise Impossible("staff")
    staff = said == {True}
    if staff and "staff" not in kinds:
        raise Impossible("staff_do_not_earn")
    usual = [kind for kind in _KINDS if kind in kinds]
    if not usual:
        raise Impossible("no_kind_earns")
    more = dict(attributes)
    for demand in named(demands, "attribute"):
        for name, values in demand.value.items():
            if values is not None and demand.holds:
                more[name] = values[0]
    segments = _several(demands, "segment")
    return Member("active", _tier(ground, demands), staff, segments, more), "staff" if staff else usual[0]


def _tier(ground: Ground, demands: Sequence[Demand]) -> str | None:
    """The level that gives most of those that fit; none where none need be."""
    tiers = ground.program.tiers
    levels = [level.level_id for level in reversed(tiers.levels)] if tiers else []
    asked = named(demands, "tier")
    for level in [*levels, None]:
        if all((level in demand.value) == demand.holds for demand in asked):
            return level
    known = any(set(levels).intersection(demand.value) for demand in asked if demand.holds)
    raise Impossible("tier" if known else "no_such_level")


def _enrolment(demands: Sequence[Demand], at: datetime) -> tuple[datetime, dict[str, str | int | bool]]:
    """When the member joined, and a later moment for the sale where it must be."""
    asked = named(demands, "enrolled", "member_for_days")
    ages = {0, 1, 30, 400}
    days: set[date] = set()
    for demand in asked:
        if demand.name == "enrolled":
            days |= {day + n * ONE_DAY for day in demand.value.values() if day for n in (-1, 0, 1)}
        else:
            ages |= {n + more for n in demand.value.values() if n is not None for more in (-1, 0, 1)}
    for moved in _later(demands, at, days, ages):
        today = moved.date()
        for joined in sorted({today - n * ONE_DAY for n in ages if n >= 0} | {d for d in days if d <= today}):
            if all(_joined(demand, joined, today) == demand.holds for demand in asked):
                return moved, {"enrolled_on": joined.isoformat(), "member_for_days": (today - joined).days}
    raise Impossible("enrolment", proven=False)


def _later(demands: Sequence[Demand], at: datetime, days: set[date], ages: set[int]) -> Iterator[datetime]:
    """The moment, and others at which members of some day have been so for as long as is asked."""
    yield at
    for day in sorted({day + n * ONE_DAY for day in days for n in ages if n >= 0}):
        if day > at.date():
            wish = [*demands, Demand("from", day)]
            yield moment_for(wish, now=at + timedelta(days=(day - at.date()).days), zone=_zone(at))


def _zone(at: datetime) -> Any:
    return at.tzinfo


def _joined(demand: Demand, joined: date, today: date) -> bool:
    if demand.name == "member_for_days":
        return within(demand.value, (today - joined).days)
    first, last = demand.value["from"], demand.value["until"]
    return (first is None or joined >= first) and (last is None or joined <= last)


def _counters(demands: Sequence[Demand], past: Past, at: datetime, store: str) -> dict[str, int]:
    """The member's history; what must not be bought for the first time has been bought."""
    counters = past.counters(at.date(), int(at.timestamp()) // 60, store)
    for demand in named(demands, "first_in_category"):
        if not demand.holds:
            counters |= {history.bought_key(value): 1 for value in demand.value}
    return counters


def _beside(ground: Ground, demands: Sequence[Demand], goods: Line) -> Iterator[Line]:
    """Lines that conditions ask for and the product itself is not."""
    wanted: list[tuple[Where, int, int]] = []
    more: list[tuple[Where, int]] = []
    for demand in demands:
        if demand.holds and demand.name == "lines":
            amount, pieces = demand.value["amount"] or {}, demand.value["pieces"] or {}
            most = amount.get("at_most")
            enough = max(
                amount.get("at_least") or 0, ground.smallest if most is None else min(ground.smallest, most)
            )
            wanted.append((where_of(demand.value["where"]), enough, max(pieces.get("at_least") or 1, 1)))
            # The product itself is one line; goods of another line are as many more as are asked for.
            number = min((demand.value["lines"] or {}).get("at_least") or 1, _MOST_LINES)
            more += [(where_of(demand.value["where"]), enough)] * (number - 1)
        elif demand.holds and demand.name == "first_in_category":
            wanted.append(({"category": demand.value}, ground.smallest, 1))
    for n, (where, enough, pieces) in enumerate(wanted, start=2):
        if where and not selector(where)(goods):
            yield line_of(any_product(ground, where), str(n), enough, quantity=pieces)
    for n, (where, enough) in enumerate(more, start=len(wanted) + 2):
        yield line_of(any_product(ground, where), str(n), enough, quantity=1)


def _bounds_agree(demands: Sequence[Demand]) -> None:
    """Refuse sums that must be more than they may be."""
    asked = [demand.value for demand in named(demands, "lines") if demand.holds]
    for one, other in product(asked, asked):
        whole = where_of(other["where"]) in ({}, where_of(one["where"]))
        for measure in ("amount", "pieces", "lines"):
            least, most = (one[measure] or {}).get("at_least"), (other[measure] or {}).get("at_most")
            if whole and least is not None and most is not None and least > most:
                raise Impossible("bounds")


def least_needed(rule: Rule) -> int:
    """The smallest sum, in minor units, on which a rule can give anything."""
    compiled = rule.compiled
    rate = compiled.rate
    step = 1
    if compiled.steps:
        step = compiled.steps[0][0]
    elif rate.unit == "amount" and rate.round == "down":
        step = rate.per
    elif rate.unit == "amount" and rate.round == "half_up":
        step = (rate.per + 1) // 2
    return max(step, compiled.minimum, 1)


def most_allowed(demands: Sequence[Demand]) -> int | None:
    """The largest sum of the whole basket that conditions allow."""
    asked = [demand.value for demand in named(demands, "lines") if demand.holds]
    bounds = [(one["amount"] or {}).get("at_most") for one in asked if not where_of(one["where"])]
    return min([bound for bound in bounds if bound is not None], default=None)


def amounts(ground: Ground, rule: Rule, demands: Sequence[Demand]) -> list[int]:
    """Sums at and around every threshold of a rule and its conditions, those above zero."""
    compiled = rule.compiled
    thresholds = {
        ground.smallest,
        least_needed(rule),
        compiled.minimum,
        *[least for least, _ in compiled.steps],
    }
    if compiled.rate.unit == "amount":
        thresholds |= {compiled.rate.per, 2 * compiled.rate.per}
    for demand in named(demands, "lines"):
        thresholds |= {bound for bound in (demand.value["amount"] or {}).values() if bound is not None}
    least = max([bound for bound in thresholds if bound], default=1)
    around = {threshold + more for threshold in thresholds for more in (-1, 0, 1)} | {2 * least, 100 * least}
    return sorted(amount for amount in around if amount > 0)


def sales_of(ground: Ground, rule: Rule, demands: Sequence[Demand], where: Sequence[Where]) -> Iterator[Sale]:
    """Sales for a rule in a scene that meets the demands.

    :raises Impossible: there is no such scene, or no sum that it could give anything for.
    """
    most = most_allowed(demands)
    if most is not None and most < least_needed(rule):
        raise Impossible("amounts")
    place = scene(ground, where, demands)
    rate, currency = rule.compiled.rate, ground.program.settings.currency
    pieces = [bounds for demand in named(demands, "lines") if (bounds := demand.value["pieces"])]
    least = max([bounds["at_least"] or 1 for bounds in pieces], default=1)
    unit = rate.unit if rate.unit in ("g", "ml", "mm") else "each"
    counts = rate.unit in ("each", "g", "ml", "mm")
    quantities = [max(least, rate.per), max(least, 2 * rate.per)] if counts else [max(least, 1)]
    for amount in amounts(ground, rule, demands):
        for quantity in quantities:
            yield place.sale(currency, amount, quantity=quantity, unit=unit)
