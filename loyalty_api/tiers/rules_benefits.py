"""What a level gives its members on top of what the rules give. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import terms_for
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Effect, Rate
from loyalty_api.rulekit.rounding import spread
from loyalty_api.tiers.rules import NO_LEVEL, Policy, rule_of

UNIT = "points"
"""The unit of a rate that turns points into more points."""


def level_points(
    basket: Basket,
    effects: Sequence[Effect],
    policy: Policy | None,
    level_id: str | None,
    *,
    settings: Settings,
    at: datetime,
) -> list[Effect]:
    """The points that a level adds to the base points of ``effects``: at most one effect, named after the level.

    The base points of all rules are added, multiplied and rounded down once; what is more than before is spread over
    the lines that earned them, by largest remainder, because returns need it. They live by the program's own terms.
    """
    rank = policy.rank(level_id) if policy else NO_LEVEL
    level = policy.levels[rank] if policy and rank >= 0 else None
    if level is None or level.multiplier is None:
        return []
    points, per = level.multiplier
    by_line: dict[str, int] = dict.fromkeys([line.line_id for line in basket.lines], 0)
    for effect in effects:
        if effect.award == "base" and effect.kind == "points":
            for line_id, share in effect.shares:
                by_line[line_id] += share
    base = sum(by_line.values())
    more = base * points // per - base
    if more <= 0:
        return []
    parts = spread(more, list(by_line.values()))
    times = terms_for(terms=settings.lots, at=at, zone=settings.zone)
    return [
        Effect(
            rule_of(level.level_id),
            "bonus",
            more,
            more,
            tuple([(line_id, part) for line_id, part in zip(by_line, parts, strict=True) if part]),
            base,
            # As with rules that multiply, a rate says what comes on top.
            Rate(points - per, per, UNIT),
            times.available_at,
            times.expires_at,
            times.sliding_months,
            awaits=times.awaits,
        )
    ]
