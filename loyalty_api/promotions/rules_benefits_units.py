"""What a promotion would take off sets of units: three for two, buy and get, so many for a price, bundles.

A line of several units is never taken apart into single ones: units of one line and one price stay together as a run,
and sets that would look the same are filled at once, so a line of a million pieces costs no more than a line of ten.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.promotions.rules_benefits import Offer, Scope
from loyalty_api.promotions.rules_spreading import parts, taken_off
from loyalty_api.promotions.rules_types import InSets, Slot
from loyalty_api.rulekit.outcomes import Failure

_MANY = 1 << 62


class Run:
    """Units of one line that cost the same: ``price`` of each in minor units, and how many are ``left``."""

    __slots__ = ("left", "place", "price")

    def __init__(self, price: int, place: int, left: int) -> None:
        self.price, self.place, self.left = price, place, left


Drawn = list[tuple[Run, int]]


def in_sets(benefit: InSets, of: Scope) -> Offer | Failure:
    """The discount on as many sets as the units fill, the dearest first; or how many units were missing."""
    have = _found(benefit, of)
    if not benefit.up_to:
        for slot, found in zip(benefit.slots, have, strict=True):
            if found < slot.quantity:
                return too_few(benefit, have)
    pools = _pools(benefit, of)
    offer = Offer({}, 0)
    least = [benefit.most, of.promotion.most_sets]
    left = min([number for number in least if number], default=_MANY)
    while left > 0:
        drawn = _fill(benefit, pools)
        if drawn is None:
            break
        targets = _targets(benefit, drawn)
        worth = sum([run.price * count for run, count in targets])
        off = taken_off(benefit.value, worth, of.terms.rounding)
        if off <= 0:
            _put_back(drawn)
            break
        times = min(1 + _again(drawn), left)
        _note(
            offer,
            drawn,
            targets,
            parts(off, [run.price * count for run, count in targets], of.terms.spread),
            times,
        )
        left -= times
        if benefit.up_to:
            break
    return offer if offer.times else too_few(benefit, [sum([run.left for run in pool]) for pool in pools])


def _found(benefit: InSets, of: Scope) -> list[int]:
    """How many units there are for each slot; most sets that cannot be filled are known by that."""
    lines, units, most = of.lines.lines, of.lines.units, of.promotion.most_units
    places = [i for i in of.places if _countable(of, i)] if benefit.value.kind == "price" else of.places
    have = []
    for slot in benefit.slots:
        selects = slot.selects
        those = places if selects is None else [i for i in places if selects(lines[i])]
        have.append(sum([min(most, units[i]) for i in those] if most else [units[i] for i in those]))
    return have


def _pools(benefit: InSets, of: Scope) -> list[list[Run]]:
    """The runs of each slot, in the order in which they are drawn; slots about the same goods share them."""
    runs = {i: _runs(i, of) for i in of.places if benefit.value.kind != "price" or _countable(of, i)}
    lines = of.lines.lines
    return [
        _in_order(
            slot,
            [run for i, found in runs.items() if not slot.selects or slot.selects(lines[i]) for run in found],
        )
        for slot in benefit.slots
    ]


def _countable(of: Scope, i: int) -> bool:
    """A price is that of a piece; goods by weight have none (R8)."""
    return of.lines.lines[i].unit == "each"


def _runs(i: int, of: Scope) -> list[Run]:
    """What is free of a line as units whose prices sum to it: those with the odd cents are a cent dearer."""
    units, most = of.lines.units[i], of.promotion.most_units
    if units <= 0:
        return []
    price, dearer = divmod(of.lines.free[i], units)
    most = min(most or units, units)
    first = min(dearer, most)
    runs = [Run(price + 1, i, first), Run(price, i, most - first)]
    return [run for run in runs if run.left]


def _in_order(slot: Slot, runs: list[Run]) -> list[Run]:
    sign = 1 if slot.cheapest_first else -1
    return sorted(runs, key=lambda run: (sign * run.price, run.place))


def _fill(benefit: InSets, pools: Sequence[list[Run]]) -> list[Drawn] | None:
    """The units of one set, by slot; None when a slot cannot be filled."""
    drawn: list[Drawn] = []
    for slot, pool in zip(benefit.slots, pools, strict=True):
        got = _draw(pool, slot.quantity)
        drawn.append(got)
        if sum([count for _, count in got]) < slot.quantity and not (benefit.up_to and got):
            _put_back(drawn)
            return None
    return drawn


def _draw(pool: list[Run], quantity: int) -> Drawn:
    while pool and not pool[0].left:
        pool.pop(0)
    got: Drawn = []
    for run in pool:
        if not quantity:
            break
        count = min(run.left, quantity)
        if count:
            run.left -= count
            quantity -= count
            got.append((run, count))
    return got


def _put_back(drawn: Sequence[Drawn]) -> None:
    for got in drawn:
        for run, count in got:
            run.left += count


def _targets(benefit: InSets, drawn: Sequence[Drawn]) -> Drawn:
    """The units of a set whose price is lowered."""
    if benefit.of_first:
        return list(drawn[0])
    units = [one for got in drawn for one in got]
    if not benefit.targets:
        return units
    sign = 1 if benefit.cheapest else -1
    wanted, found = benefit.targets, []
    for run, count in sorted(units, key=lambda one: (sign * one[0].price, one[0].place)):
        taken = min(count, wanted)
        if taken:
            found.append((run, taken))
            wanted -= taken
    return found


def _again(drawn: Sequence[Drawn]) -> int:
    """How often the very same set can be filled once more."""
    needed: dict[Run, int] = {}
    for got in drawn:
        for run, count in got:
            needed[run] = needed.get(run, 0) + count
    return min([run.left // count for run, count in needed.items()])


def _note(offer: Offer, drawn: Sequence[Drawn], targets: Drawn, shares: Sequence[int], times: int) -> None:
    """Add a set, so many times, to the offer; the first of them is drawn already."""
    offer.times += times
    for (run, _), share in zip(targets, shares, strict=True):
        if share:
            offer.shares[run.place] = offer.shares.get(run.place, 0) + share * times
    for got in drawn:
        for run, count in got:
            run.left -= count * (times - 1)
            units, money = offer.used.get(run.place, (0, 0))
            offer.used[run.place] = (units + count * times, money + run.price * count * times)


def too_few(benefit: InSets, have: Sequence[int]) -> Failure:
    """No set, or none that is dearer than its price; what is missing when some of it is there."""
    least, missing, there = 0, 0, sum(have)
    for slot, found in zip(benefit.slots, have, strict=True):
        least += slot.quantity
        if found < slot.quantity:
            missing += slot.quantity - found
    if not missing:
        return Failure("nothing_off")
    if benefit.added and benefit.slots[0].quantity - have[0] == missing:
        return Failure("not_in_basket", {}, {"added": missing})
    return Failure("too_few_units", {"least": least, "found": there}, {"pieces": missing} if there else None)
