"""Which promotions can take anything off, and on what: the search that questions about prices begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loyalty_api.promotions.rules_compiling import parse
from loyalty_api.promotions.rules_reading import read_promotions
from loyalty_api.promotions.rules_types import Priced
from loyalty_api.publishing.rules_lint_products import Where, line_of, product_for, where_of
from loyalty_api.publishing.rules_lint_sales import scene
from loyalty_api.publishing.rules_lint_times import Impossible, named, span
from loyalty_api.publishing.rules_lint_types import Ground, Sale
from loyalty_api.publishing.rules_lint_wishes import Demand, alternatives
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.days import local_day

_WAYS = 4
_FIRST_BESIDE = 50


@dataclass(frozen=True, slots=True)
class Part:
    """Goods that a promotion needs: so many units of what ``where`` names."""

    where: Where
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Promoted:
    """What was found of a promotion: open baskets on which, alone, it gives something, and all that were tried.

    ``said`` is the promotion as it was read, ``ways`` are the ways its condition can hold; ``impossible`` says of the
    others why. ``proven``: no way is left, and every one of them contradicts itself or the program.
    """

    said: Mapping[str, Any]
    alone: Program
    parts: tuple[Part, ...]
    fires: tuple[Sale, ...]
    tried: tuple[Sale, ...]
    ways: tuple[tuple[Demand, ...], ...]
    impossible: tuple[str, ...]
    proven: bool
    ended: bool

    @property
    def rule_id(self) -> str:
        """Its id."""
        rule_id: str = self.said["id"]
        return rule_id


def promoted(ground: Ground) -> list[Promoted]:
    """Every promotion, tried on baskets at and around all thresholds that it names."""
    listed = ground.program.settings.sections["promotions"]
    read, _ = read_promotions(listed, taken=frozenset())
    return [_tried(ground, said, raw) for said, raw in zip(read, listed, strict=True)]


def _tried(ground: Ground, said: Mapping[str, Any], raw: Mapping[str, Any]) -> Promoted:
    found, alone, parts = alternatives(said["when"]), _alone(ground, raw), parts_of(said)
    tried: list[Sale] = []
    ways: list[tuple[Demand, ...]] = []
    impossible: list[Impossible] = []
    for way in [way for each in found.ways for way in _with_levels(said, each)]:
        if len(ways) >= _WAYS:
            break
        try:
            tried += baskets(ground, [said], [parts], way)
            ways.append(way)
        except Impossible as trouble:
            impossible.append(trouble)
    fires = [sale for sale in tried if said["id"] in _given(priced(sale, alone))]
    return Promoted(
        said, alone, parts, tuple(sorted(fires, key=lambda sale: sale.paid)), tuple(tried), tuple(ways),
        tuple(dict.fromkeys([trouble.why for trouble in impossible])),
        found.complete and not ways and all(trouble.proven for trouble in impossible),
        bool(ways) and all(_ended(ground, way) for way in ways),
    )  # fmt: skip


def _alone(ground: Ground, raw: Mapping[str, Any]) -> Program:
    """The program with this one of its promotions."""
    sections = ground.program.settings.sections
    only = parse(
        [{**raw, "not_with": []}],
        section=sections["discounts"],
        excluded=ground.program.excluded,
        visit_gap=sections["earn"]["visit_gap_minutes"],
    )
    return replace(ground.program, promotions=only)


def _with_levels(said: Mapping[str, Any], way: tuple[Demand, ...]) -> list[tuple[Demand, ...]]:
    """The way itself; of a discount for levels one for each of them."""
    kind, benefit = said["benefit"]
    return [(*way, Demand("tier", (level,))) for level in benefit] if kind == "tiers" else [way]


def _ended(ground: Ground, way: Sequence[Demand]) -> bool:
    today = local_day(ground.now, ground.program.settings.zone)
    return bool(named(way, "until")) and span(way)[1] < today


def parts_of(said: Mapping[str, Any]) -> tuple[Part, ...]:  # noqa: PLR0911 - one return for each kind of benefit
    """What must be in a basket for the benefit of a promotion, each part by itself."""
    kind, benefit = said["benefit"]
    match kind:
        case "buy_get":
            buy, get = benefit["buy"], benefit["get"]
            bought = where_of(buy["where"])
            if get["where"] is None and get["added"] is None:
                return (Part(bought, buy["quantity"] + get["quantity"]),)
            return (Part(bought, buy["quantity"]), Part(_added(get), get["quantity"]))
        case "bundle":
            return tuple([Part(where_of(item["where"]), item["quantity"]) for item in benefit["items"]])
        case "free_item":
            return (Part(_added(benefit), benefit["quantity"]),)
        case "several":
            return (Part({}, benefit["quantity"]),)
        case "percent" | "amount" | "price" if benefit["on"][0] == "of_each":
            return (Part({}, benefit["on"][1]["units"]),)
        case _:
            return (Part({}),)


def _added(said: Mapping[str, Any]) -> Where:
    return {"sku": (said["added"],)} if said["added"] else where_of(said["where"])


def baskets(
    ground: Ground,
    rules: Sequence[Mapping[str, Any]],
    parts: Sequence[Sequence[Part]],
    demands: Sequence[Demand],
) -> Iterator[Sale]:
    """Open baskets that all of these promotions are about, at and around each of their thresholds.

    :raises Impossible: there are none.
    """
    scopes = [where_of(said["where"]) for said in rules]
    firsts = [mine[0] for mine in parts]
    place = scene(ground, [*scopes, *[part.where for part in firsts]], demands, priced=True)
    quantity = max([part.quantity for part in firsts])
    more = [
        (part, product_for(ground, [scope, part.where], effect="discount"))
        for scope, mine in zip(scopes, parts, strict=True)
        for part in mine[1:]
    ]
    kinds = frozenset.intersection(*[frozenset(said["kinds"]) for said in rules])
    if not kinds:
        raise Impossible("kinds")
    for amount in _amounts(ground, rules, quantity, demands):
        sale = place.sale(ground.program.settings.currency, amount, quantity=quantity)
        beside = [
            line_of(product, str(number), max(amount, part.quantity), quantity=part.quantity)
            for number, (part, product) in enumerate(more, _FIRST_BESIDE)
        ]
        yield _open(sale, beside, kinds)


def _open(sale: Sale, beside: Sequence[Line], kinds: frozenset[str]) -> Sale:
    """The sale before it is paid: open to promotions."""
    basket = sale.basket
    kind = basket.kind if basket.kind in kinds else min(kinds)
    lines = (*basket.lines, *beside)
    total = sum([line.amount for line in lines])
    *small, last = basket.payments
    payments = (*small, replace(last, amount=total - sum([payment.amount for payment in small])))
    made: Basket = replace(basket, lines=lines, payments=payments, kind=kind, pricing="open")
    return replace(sale, basket=made)


def _amounts(
    ground: Ground, rules: Sequence[Mapping[str, Any]], quantity: int, demands: Sequence[Demand]
) -> list[int]:
    """Sums at and around every threshold of promotions and their conditions, and far above all of them."""
    said = {ground.smallest, quantity * ground.smallest}
    for rule in rules:
        numbers = _numbers(rule["benefit"])
        said |= {rule["minimum_basket"], rule["caps"]["amount"] or 0, *numbers}
        said |= {2 * quantity * number for number in numbers}
    for demand in named(demands, "lines"):
        said |= {bound for bound in (demand.value["amount"] or {}).values() if bound is not None}
    around = {number + more for number in said for more in (-1, 0, 1)} | {100 * max(said)}
    return sorted(amount for amount in around if amount >= max(quantity, ground.smallest))


def _numbers(benefit: tuple[str, Any]) -> set[int]:
    """The sums of money that a benefit names."""
    kind, said = benefit
    match kind:
        case "amount" | "price":
            return {said["off" if kind == "amount" else "is"]}
        case "several":
            return {said["price"]}
        case "steps":
            return {step["from"] for step in said} | {
                step["off"][1] for step in said if step["off"][0] != "percent"
            }
        case "bundle":
            return set() if said["off"][0] == "percent" else {said["off"][1]}
        case "buy_get":
            get = said["get"]["off"]
            return set() if get[0] == "percent" else {get[1]}
        case _:
            return set()


def priced(sale: Sale, program: Program) -> Priced:
    """What promotions take off a basket."""
    return price(sale.basket, sale.facts, program, sale.at)


def _given(found: Priced) -> set[str]:
    """The promotions that took something off, or give a coupon for another purchase."""
    return {*off(found), *[coupon.rule for coupon in found.coupons]}


def off(found: Priced) -> dict[str, int]:
    """What each promotion took off, minor units; only those that did."""
    return {one.rule: one.granted for one in found.discounts if one.granted}
