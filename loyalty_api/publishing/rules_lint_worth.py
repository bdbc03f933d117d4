"""What points cost: more than a sale brings in, without an end, or by several rules together.

The value of a point is what ``redeem.rate`` says, and what a sale brings in is ``lint.margin_percent`` of its price. A
sale counts as it is when the member has had it several times before, so that a welcome is not taken for a habit; one
with a coupon never is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loyalty_api.publishing.rules_lint_firing import Reach
from loyalty_api.publishing.rules_lint_products import where_of
from loyalty_api.publishing.rules_lint_sales import least_needed, scene
from loyalty_api.publishing.rules_lint_times import Impossible
from loyalty_api.publishing.rules_lint_types import Finding, Ground, Sale, gave
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.decision import Decision

_TRIED_OF_A_RULE = 5
_COMBINED = 300
_TOLD = 10
_FIXED = ("basket", "line", "step")


@dataclass(frozen=True, slots=True)
class Price:
    """What points are worth: ``points`` of them are ``amount`` minor units."""

    points: int
    amount: int

    def beyond(self, points: int, paid: int, percent: int) -> bool:
        """Whether points are worth more than a part of what was paid."""
        return points * self.amount * 100 > paid * percent * self.points

    def worth(self, points: int) -> int:
        """Minor units, rounded down."""
        return points * self.amount // self.points


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sale of which points were looked at, and the rules that gave them."""

    sale: Sale
    decision: Decision

    @property
    def rules(self) -> frozenset[str]:
        return frozenset([effect.rule for effect in self.decision.effects if effect.granted])

    @property
    def points(self) -> int:
        return self.decision.points()


def price_of(ground: Ground) -> Price | None:
    """What a point is worth; None where points do not pay."""
    rate: Mapping[str, Any] | None = ground.program.settings.sections["redeem"]["rate"]
    return Price(rate["points"], rate["amount"]) if rate else None


def costs(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Sales whose points are worth more than they bring in, and rules that give too much back together."""
    price, lint = price_of(ground), ground.program.settings.sections["lint"]
    if price is None:
        return
    sales = [*_of_rules(ground, reached), *_of_several(ground, reached)]
    first = [_seen(ground, sale) for sale in sales]
    # Who hands out a coupon says how often it can be used.
    again = [_again(ground, seen) for seen in first if not seen.sale.basket.coupons]
    margin, most = lint["margin_percent"], lint["most_share"]
    habits = _smallest_sets([seen for seen in again if _beyond(seen, price, margin)])
    yield from (_costly(ground, seen, price, "worth_more_than_margin", margin) for seen in habits)
    known = {seen.rules for seen in habits}
    once = [
        seen for seen in first if _beyond(seen, price, margin) and not any(k <= seen.rules for k in known)
    ]
    yield from (_costly(ground, seen, price, "worth_more_once", margin) for seen in _smallest_sets(once))
    if most is not None:
        added = [seen for seen in again if _beyond(seen, price, most) and _only_together(seen, price, most)]
        found = [seen for seen in _smallest_sets(added) if not any(k <= seen.rules for k in known)]
        yield from (_costly(ground, seen, price, "overlap_over_limit", most) for seen in found)


def _seen(ground: Ground, sale: Sale) -> _Seen:
    return _Seen(sale, ground.decide(sale))


def _again(ground: Ground, seen: _Seen) -> _Seen:
    """What the sale gives who has had it before; where nothing is counted, that is the same."""
    return _seen(ground, ground.again(seen.sale)) if seen.decision.claims else seen


def _beyond(seen: _Seen, price: Price, percent: int) -> bool:
    return price.beyond(seen.points, seen.sale.paid, percent)


def _only_together(seen: _Seen, price: Price, percent: int) -> bool:
    return not any(price.beyond(effect.granted, seen.sale.paid, percent) for effect in seen.decision.effects)


def _smallest_sets(found: Sequence[_Seen]) -> list[_Seen]:
    """Of sales the same rules are to blame for the worst one; of sets of rules the smallest."""
    worst: dict[frozenset[str], _Seen] = {}
    for seen in found:
        best = worst.get(seen.rules)
        if best is None or seen.points * best.sale.paid > best.points * seen.sale.paid:
            worst[seen.rules] = seen
    smallest = [seen for rules, seen in worst.items() if not any(other < rules for other in worst)]
    return sorted(smallest, key=lambda seen: seen.points * -1_000_000 // max(seen.sale.paid, 1))[:_TOLD]


_SEVERITY: Mapping[str, Any] = {
    "worth_more_than_margin": "error", "worth_more_once": "note", "overlap_over_limit": "warning",
}  # fmt: skip


def _costly(ground: Ground, seen: _Seen, price: Price, code: str, percent: int) -> Finding:
    numbers = {
        "points": seen.points,
        "worth_money": price.worth(seen.points),
        "paid_money": seen.sale.paid,
        "percent": percent,
    }
    return ground.finding(code, _SEVERITY[code], sorted(seen.rules), [seen.sale], numbers=numbers)


def _of_rules(ground: Ground, reached: Sequence[Reach]) -> Iterator[Sale]:
    """The sales of each rule that a shop may see, the smallest ones first: there points weigh most."""
    for found in reached:
        likely = [sale for sale in found.fires if sale.paid >= ground.smallest]
        yield from likely[:_TRIED_OF_A_RULE]


def _of_several(ground: Ground, reached: Sequence[Reach]) -> Iterator[Sale]:
    """Sales on which several rules act: one after the other is added where it makes points worth more."""
    left = _COMBINED
    able = [found for found in reached if found.fires and found.ways]
    for seed in able:
        chosen, best = [seed], _together(ground, [seed])
        for other in able:
            if left <= 0 or best is None:
                break
            if other is seed or not (other.rule.when or where_of(other.rule.said.get("where"))):
                continue
            left -= 1
            made = _together(ground, [*chosen, other])
            if made is not None and made.points * best.sale.paid > best.points * made.sale.paid:
                chosen, best = [*chosen, other], made
        if best is not None and len(chosen) > 1:
            yield best.sale


def _together(ground: Ground, chosen: Sequence[Reach]) -> _Seen | None:
    """A sale that all of these rules are about, or None when there is none."""
    wheres = [where_of(found.rule.said.get("where")) for found in chosen]
    demands = [demand for found in chosen for demand in found.ways[0]]
    try:
        place = scene(ground, wheres, demands)
    except Impossible:
        return None
    least = max([ground.smallest, *[least_needed(found.rule) for found in chosen]])
    return _seen(ground, place.sale(ground.program.settings.currency, least))


def without_end(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Points that anybody can have as often as they like for next to nothing, where nobody says what they are worth."""
    if price_of(ground) is not None:
        return
    for found in reached:
        compiled = found.rule.compiled
        if compiled.multiplies or compiled.rate.unit not in _FIXED or found.rule.limited:
            continue
        small = [sale for sale in found.fires if sale.paid <= ground.smallest and not sale.basket.coupons]
        for sale in [ground.again(sale) for sale in reversed(small)]:
            points = gave(ground.decide(sale), found.rule.rule_id)
            if points:
                lasts = (compiled.lots or ground.program.earning.lots).expire[0] == "never"
                numbers = {"points": points, "paid_money": sale.paid}
                severity: Any = "error" if lasts else "warning"
                yield ground.finding(
                    "unlimited_points", severity, [found.rule.rule_id], [sale], numbers=numbers
                )
                break


def never_end(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Points that never expire, from rules that nothing limits: what is owed only grows. One note for all of them."""
    named: list[str] = []
    witness: Sale | None = None
    for found in reached:
        if found.rule.limited or not found.fires:
            continue
        decision = ground.decide(found.fires[-1])
        effects = [effect for effect in decision.effects if effect.rule == found.rule.rule_id]
        if any(effect.granted and effect.expires_at is None for effect in effects):
            named.append(found.rule.rule_id)
            witness = witness or found.fires[-1]
    if witness is not None:
        yield ground.finding("never_expire", "note", named, [witness])


def free_goods(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Points on goods that cost nothing, because a discount does not lower what earns."""
    for source in sorted({"till", "program", "coupon", "staff"} - ground.program.earning.basis.reduced_by):
        for found in reached:
            if found.fires and not found.rule.limited:
                sale = _given_away(found.fires[-1], source)
                if gave(ground.decide(sale), found.rule.rule_id):
                    yield ground.finding(
                        "points_on_free_goods",
                        "warning",
                        [found.rule.rule_id],
                        [sale],
                        words={"source": source},
                    )
                    break


def _given_away(sale: Sale, source: str) -> Sale:
    kind = source if source in ("coupon", "staff") else None
    origin = "program" if source == "program" else "till"
    basket = sale.basket
    lines = tuple([_free(line, LineDiscount(origin, line.amount, kind)) for line in basket.lines])
    free = Basket(
        basket.store, basket.currency, lines, (), basket.kind, basket.channel, coupons=basket.coupons
    )
    return Sale(free, sale.facts, sale.at)


def _free(line: Line, discount: LineDiscount) -> Line:
    return Line(
        line.line_id, line.amount, line.sku, line.quantity, line.unit, line.type, (discount,), line.category,
        line.department, line.brand, line.legal_class,
    )  # fmt: skip
