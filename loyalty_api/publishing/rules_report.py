"""The result of a back-test as a document: what would have changed, for whom, and how sure that is. Pure.

Money is what points are worth by ``redeem.rate``, each side by its own; rounded down as redemptions are. Nobody is
named: the most affected are numbered in the order of what they would gain or lose, which leads to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from loyalty_api.publishing.rules_tally import OF_GIFTS, Sides, Tally

Price = Mapping[str, Any]
"""``redeem.rate``: so many ``points`` for an ``amount`` in minor units."""
BEHAVIOUR = "behaviour_does_not_react"
"""The note on every result: members buy what they bought, whatever the draft would have offered them."""
CHANCES = "chances_are_simulated"
"""Draws are those of the run: the same for a purchase and a gift on both sides, and not those that were made."""
BASE_ODDS = "odds_stay_at_base"
"""Odds do not follow what is left of a budget, which ends a gift once it is used up."""
AGES = "ages_count_as_reached"
"""Where nobody asked how old a member was, it takes part in chances that the draft keeps for some age."""
GIFTS_STAY = "gifts_stay"
"""Whoever was given a gift keeps it: none expires, and none goes back with its purchase."""
# The normal quantile of 95 %, in hundredths.
_LIKELY = 196


@dataclass(frozen=True, slots=True)
class Prices:
    """What points are worth before and after; None where a version sells nothing for points."""

    before: Price | None
    after: Price | None

    def worth(self, sides: Sides) -> dict[str, Any]:
        """Points before and after with their difference, and the same as money."""
        before, after = sides
        cost = [_worth(before, self.before), _worth(after, self.after)]
        known = cost[0] is not None and cost[1] is not None
        return {
            "points_before": before,
            "points_after": after,
            "points_difference": after - before,
            "cost_before": cost[0],
            "cost_after": cost[1],
            "cost_difference": (cost[1] or 0) - (cost[0] or 0) if known else None,
        }


def _worth(points: int, price: Price | None) -> int | None:
    return points * int(price["amount"]) // int(price["points"]) if price else None


def result(
    tally: Tally, prices: Prices, *, in_time_order: bool, sample: int | None, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """The document of a run that has come to its end."""
    return {
        "purchases": tally.purchases,
        "returns": tally.returns,
        "members": tally.members,
        "totals": prices.worth(tally.points),
        "by_rule": _rows("rule", tally.rules, prices),
        "by_store": _rows("store", tally.stores, prices),
        "by_tier": _rows("tier", tally.tiers, prices),
        "by_week": _rows("week", tally.weeks, prices),
        "gifts": _of_gifts(tally, _gifts(tally)),
        "by_gift": [{"gift": gift, **_of_gifts(tally, [gift])} for gift in _gifts(tally)],
        "affected": _affected(tally),
        "tier_moves": _moves(tally),
        "liability": prices.worth(tally.outstanding),
        "confidence": _confidence(tally) if sample is not None and sample < 100 else None,
        "in_time_order": in_time_order,
        "notes": [BEHAVIOUR, *notes],
    }


def _gifts(tally: Tally) -> list[str]:
    return sorted({*tally.draws, *tally.granted})


def _of_gifts(tally: Tally, gifts: Sequence[str]) -> dict[str, int]:
    """Draws, gifts and what they come to on either side, of these gifts together."""
    found = {}
    for name in OF_GIFTS:
        groups: Mapping[str, Sides] = getattr(tally, name)
        for n, side in enumerate(("before", "after")):
            found[f"{name.removeprefix('gift_')}_{side}"] = sum(
                groups[gift][n] for gift in gifts if gift in groups
            )
    return found


def _rows(name: str, groups: Mapping[str, Sides], prices: Prices) -> list[dict[str, Any]]:
    return [{name: key or None, **prices.worth(sides)} for key, sides in sorted(groups.items()) if any(sides)]


def _affected(tally: Tally) -> dict[str, Any]:
    """How many gain and lose, by the size of the difference, and the most affected without a name."""
    counts = {int(size): number for size, number in tally.spread.items()}
    return {
        "gaining": sum(number for size, number in counts.items() if size > 0),
        "losing": sum(number for size, number in counts.items() if size < 0),
        "unchanged": counts.get(0, 0),
        "distribution": [
            {
                "from": 10 ** (size - 1),
                "until": 10**size - 1,
                "gaining": counts.get(size, 0),
                "losing": counts.get(-size, 0),
            }
            for size in range(1, max(map(abs, counts), default=0) + 1)
        ],
        "most": [
            {
                "pseudonym": f"member-{n:02}",
                "points_before": before,
                "points_after": after,
                "points_difference": difference,
            }
            for n, (difference, before, after) in enumerate(tally.most, start=1)
        ],
    }


def _moves(tally: Tally) -> list[dict[str, Any]]:
    """Members whose level at the window's end would have been another one."""
    pairs = [(*key.split(">"), members) for key, members in sorted(tally.moves.items())]
    return [
        {"from": before or None, "to": after or None, "members": members}
        for before, after, members in pairs
        if before != after
    ]


def _confidence(tally: Tally) -> dict[str, Any]:
    """What the difference comes to for everybody, and between which bounds it lies 19 times out of 20.

    The sample is of members, so it is the spread between members that says how sure this is.
    """
    everybody, looked = tally.walked, tally.looked
    difference = tally.points[1] - tally.points[0]
    if not looked:
        return {"level": 95, "members": 0, "of": everybody, "points_difference": 0, "low": None, "high": None}
    estimate = difference * everybody // looked
    half = None
    if looked > 1:
        # n² times the variance of one member's difference, of a sample without repetition.
        spread = tally.squares * looked - difference * difference
        variance = spread * everybody * (everybody - looked)
        half = isqrt(_LIKELY * _LIKELY * variance // (10_000 * looked * looked * (looked - 1)))
    return {
        "level": 95,
        "members": looked,
        "of": everybody,
        "points_difference": estimate,
        "low": None if half is None else estimate - half,
        "high": None if half is None else estimate + half,
    }
