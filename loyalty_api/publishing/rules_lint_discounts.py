"""What promotions cost, and which of them do nothing: goods for nothing, beyond the margin, always beaten, in parts.

A basket is priced by the whole program; what it brings in is ``lint.margin_percent`` of its price before promotions,
and what points are worth counts beside what is taken off. What one promotion does alone somebody has decided, and is
only warned of; what several do together nobody may have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loyalty_api.promotions.rules_types import Priced
from loyalty_api.publishing.rules_lint_coupons import coupons, is_coupon
from loyalty_api.publishing.rules_lint_products import where_of
from loyalty_api.publishing.rules_lint_promoted import Promoted, baskets, off, priced, promoted
from loyalty_api.publishing.rules_lint_times import Impossible, moment_for
from loyalty_api.publishing.rules_lint_types import Finding, Ground, Sale
from loyalty_api.publishing.rules_lint_worth import Price, price_of
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.facts import Facts, Member

_LOOKED_AT, _TOLD, _COMBINED, _CONFIRMED = 8, 10, 200, 3
_PARTS = (2, 3, 4, 5)
_BEATEN = ("better_discount", "not_combined")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A basket with what the whole program takes off it, by promotion, and what its points are worth."""

    sale: Sale
    by: Mapping[str, int]
    worth: int

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(self.by)

    @property
    def off(self) -> int:
        return sum(self.by.values())

    def beyond(self, percent: int) -> bool:
        """Whether more than a part of its price is given away."""
        return (self.off + self.worth) * 100 > self.sale.paid * percent


def discounts(ground: Ground) -> Iterator[Finding]:
    """Every finding about promotions; none where there are none."""
    if ground.program.promotions is None:
        return
    found = promoted(ground)
    # A coupon for another purchase takes nothing off this one.
    running = [one for one in found if one.fires and not one.ended and not is_coupon(one)]
    yield from _costs(ground, running)
    yield from _never_apply(ground, found)
    yield from _always_beaten(ground, running)
    yield from _never_in_full(ground, running)
    yield from _in_parts(ground, running)
    yield from _ended(ground, found)
    yield from coupons(ground, found)


def _costs(ground: Ground, running: Sequence[Promoted]) -> Iterator[Finding]:
    """Baskets that cost nothing, and such as give away more than they bring in."""
    price, lint = price_of(ground), ground.program.settings.sections["lint"]
    sales = [sale for one in running for sale in one.fires[:_LOOKED_AT]]
    seen = [_seen(ground, sale, price) for sale in [*sales, *_of_several(ground, running)]]
    seen = [one for one in seen if one.by]
    free = _smallest_sets([one for one in seen if one.off >= one.sale.paid])
    yield from (_costly(ground, one, "goods_for_nothing", 100) for one in free)
    known = {one.rules for one in free}
    margin, most = lint["margin_percent"], lint["most_share"]
    beyond = _smallest_sets([one for one in seen if one.beyond(margin) and one.rules not in known])
    yield from (_costly(ground, one, "discounts_beyond_margin", margin) for one in beyond)
    if most is not None:
        known |= {one.rules for one in beyond}
        several = [one for one in seen if one.beyond(most) and not _alone_beyond(one, most)]
        over = [one for one in _smallest_sets(several) if not any(rules <= one.rules for rules in known)]
        yield from (_costly(ground, one, "discounts_over_limit", most) for one in over)


def _seen(ground: Ground, sale: Sale, price: Price | None) -> _Seen:
    decision = ground.decide(sale)
    by = {one.rule: one.granted for one in decision.discounts if one.granted}
    return _Seen(sale, by, price.worth(decision.points()) if price else 0)


def _alone_beyond(seen: _Seen, percent: int) -> bool:
    return any(taken * 100 > seen.sale.paid * percent for taken in seen.by.values())


def _smallest_sets(found: Sequence[_Seen]) -> list[_Seen]:
    """Of baskets that the same promotions are to blame for the worst one; of sets of promotions the smallest."""
    worst: dict[frozenset[str], _Seen] = {}
    for seen in found:
        best = worst.get(seen.rules)
        if best is None or _share(seen) > _share(best):
            worst[seen.rules] = seen
    smallest = [seen for rules, seen in worst.items() if not any(other < rules for other in worst)]
    return sorted(smallest, key=_share, reverse=True)[:_TOLD]


def _share(seen: _Seen) -> int:
    return (seen.off + seen.worth) * 1_000_000 // max(seen.sale.paid, 1)


def _costly(ground: Ground, seen: _Seen, code: str, percent: int) -> Finding:
    decided = len(seen.rules) == 1 or seen.sale.basket.coupons or code == "discounts_over_limit"
    numbers = {
        "paid_money": seen.sale.paid, "off_money": seen.off, "worth_money": seen.worth, "percent": percent,
    }  # fmt: skip
    severity: Any = "warning" if decided else "error"
    return ground.finding(code, severity, sorted(seen.rules), [seen.sale], numbers=numbers)


def _of_several(ground: Ground, running: Sequence[Promoted]) -> Iterator[Sale]:
    """Baskets that several promotions act on: one after the other is added where more is taken off."""
    left = _COMBINED
    for seed in running:
        chosen, best = [seed], _worst_of(ground, [seed])
        for other in running:
            if other is seed or best is None:
                continue
            if left <= 0:
                break
            left -= 1
            made = _worst_of(ground, [*chosen, other])
            if made is not None and _share(made) > _share(best):
                chosen, best = [*chosen, other], made
        if best is not None and len(chosen) > 1:
            yield best.sale


def _worst_of(ground: Ground, chosen: Sequence[Promoted]) -> _Seen | None:
    """Of the baskets that all of these are about the one of which most is taken off, or None when there is none."""
    demands = [demand for one in chosen for demand in one.ways[0]]
    try:
        sales = list(baskets(ground, [one.said for one in chosen], [one.parts for one in chosen], demands))
    except Impossible:
        return None
    return max([_seen(ground, sale, None) for sale in sales], key=_share, default=None)


def _never_apply(ground: Ground, found: Sequence[Promoted]) -> Iterator[Finding]:
    """Promotions that gave nothing on any basket: an error where they cannot, a warning where none was found."""
    for one in found:
        if one.fires:
            continue
        witness = one.tried[:1] or tuple([sale for other in found for sale in other.tried][:1])
        sale = witness[0] if witness else _plain(ground)
        yield ground.finding(
            "never_fires" if one.proven else "not_seen_to_fire", "error" if one.proven else "warning",
            [one.rule_id], [sale], words={"why": (*one.impossible, "search")[0]}, searched=len(one.tried),
        )  # fmt: skip


def _plain(ground: Ground) -> Sale:
    """A basket that nothing is asked of."""
    settings = ground.program.settings
    basket = Basket("lint-store", settings.currency, (Line("1", 100 * ground.smallest),), pricing="open")
    return Sale(basket, Facts(Member()), ground.now.astimezone(settings.zone))


def _always_beaten(ground: Ground, running: Sequence[Promoted]) -> Iterator[Finding]:
    """Promotions that another one beats wherever they apply: of their group, or because they do not go together."""
    by_id = {one.rule_id: one for one in running}
    for one in running:
        beaten = [_beaten_by(one.rule_id, priced(sale, ground.program)) for sale in one.fires[:_LOOKED_AT]]
        others = {other for other in beaten if other}
        if None not in beaten and len(others) == 1:
            other = by_id.get(others.pop() or "")
            if other is not None and _asks_no_more(other.said, one.said):
                amount = off(priced(one.fires[0], one.alone))[one.rule_id]
                numbers = {"off_money": amount}
                rules = [one.rule_id, other.rule_id]
                yield ground.finding("always_beaten", "warning", rules, [one.fires[0]], numbers=numbers)


def _beaten_by(rule_id: str, found: Priced) -> str | None:
    """What kept a promotion from standing, None where it stood or something else did."""
    for reason in found.reasons:
        if reason.rule == rule_id and reason.outcome == "skipped" and reason.code in _BEATEN:
            return reason.by
    return None


def _asks_no_more(other: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether one promotion applies wherever another one does."""
    when = all(rule["when"].get(name) == said for name, said in other["when"].items() if said is not None)
    where = not where_of(other["where"]) or where_of(other["where"]) == where_of(rule["where"])
    kinds = set(rule["kinds"]) <= set(other["kinds"])
    minimum: bool = other["minimum_basket"] <= rule["minimum_basket"]
    return when and where and kinds and minimum


def _never_in_full(ground: Ground, running: Sequence[Promoted]) -> Iterator[Finding]:
    """Promotions whose cap cuts every discount they give: nobody ever gets what is promised."""
    for one in running:
        # What costs less than is taken off it is free and not cut.
        alone = [(sale, priced(sale, one.alone)) for sale in one.fires]
        costly = [(sale, found) for sale, found in alone if off(found)[one.rule_id] < sale.paid]
        cut = [reason for _, found in costly for reason in found.reasons if reason.code == "capped_discount"]
        if costly and len(cut) == len(costly):
            numbers = {f"{name}_money": number for name, number in cut[0].numbers.items()}
            yield ground.finding(
                "discount_never_in_full", "warning", [one.rule_id], [costly[0][0]], numbers=numbers
            )


def _in_parts(ground: Ground, running: Sequence[Promoted]) -> Iterator[Finding]:
    """Goods that cost less in several baskets than in one: a cap, a step, or so much off each basket."""
    for one in running:
        single = [sale for sale in one.fires[:_LOOKED_AT] if len(sale.basket.lines) == 1]
        ways = [(_gain(one.alone, sale, parts), parts, sale) for sale in single for parts in _PARTS]
        # By itself it is cheaply tried; with all others it must gain, too. A cent for each part may be rounding.
        likely = sorted([way for way in ways if way[0] > way[1]], key=lambda way: -way[0])[:_CONFIRMED]
        for _, parts, sale in likely:
            if _gain(ground.program, sale, parts) <= parts:
                continue
            whole = _times(sale, parts)
            less = parts * _cost(ground.program, sale)
            numbers = {"whole_money": _cost(ground.program, whole), "less_money": less, "parts": parts}
            sales = [whole, *[sale] * parts]
            yield ground.finding("cheaper_in_parts", "note", [one.rule_id], sales, numbers=numbers)
            break


def _gain(program: Program, sale: Sale, parts: int) -> int:
    """How much less so many of a sale cost than all of it in one."""
    return _cost(program, _times(sale, parts)) - parts * _cost(program, sale)


def _times(sale: Sale, parts: int) -> Sale:
    """So many of the same sale as one."""
    (line,) = sale.basket.lines
    lines = (replace(line, amount=line.amount * parts, quantity=line.quantity * parts),)
    payments = tuple([replace(one, amount=one.amount * parts) for one in sale.basket.payments])
    return replace(sale, basket=replace(sale.basket, lines=lines, payments=payments))


def _cost(program: Program, sale: Sale) -> int:
    return sale.paid - sum(off(priced(sale, program)).values())


def _ended(ground: Ground, found: Sequence[Promoted]) -> Iterator[Finding]:
    """Promotions whose last day has passed: a note, not a fault."""
    for one in found:
        if one.ended and one.fires:
            last = max(one.fires, key=lambda sale: sale.at)
            now = replace(last, at=moment_for((), now=ground.now, zone=ground.program.settings.zone))
            yield ground.finding("window_ended", "note", [one.rule_id], [last, now])
