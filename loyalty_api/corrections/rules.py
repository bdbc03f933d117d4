"""What a corrected decision changes: by how many points, in which lots, and what of it counts. Pure.

Everything is reckoned less what has come back of the purchase, so that returns that were made are counted in and the
next one goes on from the corrected decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_api.ledger.rules import Lot, Posting
from loyalty_api.rating.rules_returns import Progress, revert
from loyalty_api.rulekit.decision import Claim, Decision, Effect

Counted = dict[tuple[str, str], int]
"""Claims that stand: by kind and key."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the corrected decision gives beyond the one ``before``, by rule and in all, less what has come back.

    ``returned`` is what of each is taken by the goods that came back.
    """

    by_rule: Mapping[str, int]
    returned_before: int
    returned_after: int

    @property
    def points(self) -> int:
        """All rules together; below zero when too many were given."""
        return sum(self.by_rule.values())


def same(before: Decision, after: Decision) -> bool:
    """Whether the two give and count the same, so that there is nothing to correct."""
    return _given(before) == _given(after)


def _given(decision: Decision) -> tuple[Any, ...]:
    """What a decision comes to, but for the version, the moments that points live by, and explanations."""
    effects = sorted([(e.rule, e.award, e.granted, e.shares) for e in decision.effects if e.granted])
    claims = sorted([(c.kind, c.key, c.amount) for c in decision.claims if c.kind != "history"])
    refused = any(reason.rule is None for reason in decision.reasons)
    return effects, claims, decision.basis, refused


def difference(before: Decision, after: Decision, back: Mapping[str, Progress]) -> Difference:
    """What is to be booked, when so much of the purchase has come ``back``."""
    was, now = _standing(before, back), _standing(after, back)
    by_rule = {rule: now.get(rule, 0) - was.get(rule, 0) for rule in {**now, **was}}
    return Difference(
        {rule: points for rule, points in by_rule.items() if points},
        before.points() - sum(was.values()),
        after.points() - sum(now.values()),
    )


def _standing(decision: Decision, back: Mapping[str, Progress]) -> dict[str, int]:
    """The points of each rule that are not back."""
    points: dict[str, int] = {}
    for effect in decision.effects:
        points[effect.rule] = points.get(effect.rule, 0) + effect.granted
    for rules in revert(decision, {}, back).values():
        for rule, taken in rules.items():
            points[rule] -= taken
    return points


def claims_standing(decision: Decision, counted_back: Iterable[Claim]) -> Counted:
    """What the decision counts, less what was counted back for goods that came back."""
    found: Counted = {}
    for sign, claims in ((1, decision.claims), (-1, counted_back)):
        for claim in claims:
            if claim.kind != "history":
                place = (claim.kind, claim.key)
                found[place] = found.get(place, 0) + sign * claim.amount
    return found


def more_claims(before: Counted, after: Counted) -> list[Claim]:
    """What is counted more (or less, below zero) by ``after``."""
    changed = {place: after.get(place, 0) - before.get(place, 0) for place in {**before, **after}}
    return [Claim(kind, key, amount) for (kind, key), amount in changed.items() if amount]


def arriving(
    decision: Decision,
    owed: Difference,
    *,
    purchase_id: UUID,
    earned_at: datetime,
    lot_id: Callable[[int], UUID],
    now: datetime,
    grace_ends: datetime,
) -> tuple[list[Lot], list[Posting]]:
    """The points that are still to be given, in lots with the terms they would have had from the beginning.

    What would have expired by now lives on for the grace of points that are given back. Of rules that gave more, the
    first give until all of the difference is there.
    """
    lots: list[Lot] = []
    postings: list[Posting] = []
    left, by_rule = owed.points, dict(owed.by_rule)
    for effect in decision.effects:
        part = min(left, max(0, by_rule.get(effect.rule, 0)), effect.granted)
        if part <= 0:
            continue
        left -= part
        by_rule[effect.rule] -= part
        lot = _lot(effect, part, decision, lot_id(len(lots)), purchase_id, earned_at, now, grace_ends)
        usable = lot.available_at is not None and lot.available_at <= now
        lots.append(lot)
        account = "available" if usable else "pending"
        postings.append(Posting("issued", account, part, lot.lot_id, effect.rule, decision.version))
    return lots, postings


def _lot(
    effect: Effect,
    points: int,
    decision: Decision,
    lot_id: UUID,
    purchase_id: UUID,
    earned_at: datetime,
    now: datetime,
    grace_ends: datetime,
) -> Lot:
    gone = effect.expires_at is not None and effect.expires_at <= now
    return Lot(
        lot_id, "purchase", purchase_id, earned_at, now, effect.available_at,
        max(now, grace_ends) if gone else effect.expires_at, points, sliding_months=effect.sliding_months,
        program_version=decision.version, awaits=effect.awaits,
    )  # fmt: skip


def steps_of(
    final: Mapping[str, Progress], befores: Iterable[Mapping[str, Progress]]
) -> list[dict[str, Progress]]:
    """How far lines had come after each return, from where they stand in the end and where each return found them.

    ``befores`` are in the order of the returns and name the lines that came back. What no return accounts for had come
    before the first: that is the last of the result.
    """
    at = dict(final)
    found: list[dict[str, Progress]] = []
    for before in reversed(list(befores)):
        found.append({line_id: at[line_id] for line_id in before if line_id in at})
        at |= before
    earliest = {line_id: progress for line_id, progress in at.items() if progress.part}
    return [*reversed(found), earliest]
