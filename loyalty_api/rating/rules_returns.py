"""What goods that come back undo: their share of the original decision, never a new evaluation. Pure.

A line comes back in parts, by units or by money (R31). Of each of its shares (money paid, points by rule, points
spent) it has given ⌊share × part⌋ once ``part`` of it is back, and a return books the difference to what was given
before (R32). So whatever the order and the size of the steps, they end exactly where one full return does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from loyalty_api.errors import Conflict, Fault, Invalid
from loyalty_api.promotions.rules_limits import EVERY_PROMOTION, TIMES
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.values import dataclass

ALL = Fraction(1)


class ReturnExceedsPurchase(Conflict):
    """More would come back than was bought and is still there."""

    code, title = "return_exceeds_purchase", "More comes back than was bought"


class ReturnUnreadable(Invalid):
    """A return names a line that the purchase does not have, or part of what comes back only whole (R8)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a line has come back: in units, and as the part of the line (0 to 1) that units and amounts come to."""

    units: int = 0
    part: Fraction = Fraction(0)

    def stored(self) -> list[Any]:
        """As it is kept: units and the part as a text, for its numbers may outgrow JSON's."""
        return [self.units, str(self.part)]


NOTHING = Progress()


@dataclass(frozen=True, slots=True)
class Sold:
    """A line as it was sold: ``quantity`` of ``unit``, and what was ``paid`` for all of it in minor units."""

    line_id: str
    quantity: int
    unit: str
    paid: int

    @property
    def units(self) -> int:
        """In how many parts it can come back: measured goods and quantity 0 are one piece (R8)."""
        return self.quantity if self.unit == "each" and self.quantity > 0 else 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What comes back of a line: so many units, or so much money; with neither, all that is left."""

    line_id: str
    quantity: int | None = None
    amount: int | None = None


def progress_from(document: Mapping[str, Sequence[Any]]) -> dict[str, Progress]:
    """How far each line has come back, as ``Progress.stored`` wrote it."""
    return {line_id: Progress(units, Fraction(part)) for line_id, (units, part) in document.items()}


def given(share: int, part: Fraction) -> int:
    """What a share has given once ``part`` of its line is back."""
    return share * part.numerator // part.denominator


def advance(sold: Sold, before: Progress, wanted: Wanted) -> Progress:
    """How far the line has come back after ``wanted``.

    :raises ReturnExceedsPurchase: there is not that much left of it.
    :raises ReturnUnreadable: it comes back only whole.
    """
    if wanted.amount is not None:
        return _by_amount(sold, before, wanted.amount)
    left = sold.units - before.units
    units = left if wanted.quantity is None else _units(sold, wanted.quantity)
    if units > left or left == 0 or (wanted.quantity is None and before.part == ALL):
        raise ReturnExceedsPurchase(f"Of line {sold.line_id} only {left} are left to come back.")
    return Progress(before.units + units, before.part + (ALL - before.part) * Fraction(units, left))


def _by_amount(sold: Sold, before: Progress, amount: int) -> Progress:
    left = sold.paid - given(sold.paid, before.part)
    if amount > left:
        raise ReturnExceedsPurchase(f"Of line {sold.line_id} only {left} is left, in minor units.")
    return Progress(before.units, min(ALL, before.part + Fraction(amount, sold.paid)))


def _units(sold: Sold, quantity: int) -> int:
    if sold.unit == "each" and sold.quantity > 0:
        if quantity == 0:
            raise _whole(sold)
        return quantity
    if quantity != sold.quantity and not (quantity == 1 and sold.unit == "each"):
        raise _whole(sold)
    return 1


def _whole(sold: Sold) -> ReturnUnreadable:
    message = f"Line {sold.line_id} comes back whole ({sold.quantity}), or by amount."
    return ReturnUnreadable(message, errors=[Fault("/lines", "not_allowed", message)])


def come_back(
    sold: Iterable[Sold], before: Mapping[str, Progress], wanted: Sequence[Wanted] | None
) -> dict[str, Progress]:
    """How far the lines that come back have come after this return; all that is left when ``wanted`` is None.

    :raises ReturnExceedsPurchase: more than is left, or nothing is left at all.
    :raises ReturnUnreadable: there is no such line, or it comes back only whole.
    """
    lines = {line.line_id: line for line in sold}
    if wanted is None:
        wanted = [Wanted(line_id) for line_id in lines if before.get(line_id, NOTHING).part < ALL]
        if not wanted:
            raise ReturnExceedsPurchase("Everything of this purchase is back already.")
    for want in wanted:
        if want.line_id not in lines:
            message = f"The purchase has no line {want.line_id}."
            raise ReturnUnreadable(message, errors=[Fault("/lines", "line_unknown", message)])
    return {w.line_id: advance(lines[w.line_id], before.get(w.line_id, NOTHING), w) for w in wanted}


def revert(
    decision: Decision | None, before: Mapping[str, Progress], after: Mapping[str, Progress]
) -> dict[str, dict[str, int]]:
    """The points to take back by line and rule: what the decision gave to the lines in ``after``, as far as they
    have come back, less what returns took ``before``."""
    taken: dict[str, dict[str, int]] = {line_id: {} for line_id in after}
    for effect in decision.effects if decision else ():
        for line_id, share in effect.shares:
            if line_id in after:
                earlier = given(share, before.get(line_id, NOTHING).part)
                rules = taken[line_id]
                rules[effect.rule] = rules.get(effect.rule, 0) + given(share, after[line_id].part) - earlier
    return taken


def claims_back(
    decision: Decision | None, before: Mapping[str, Progress], after: Mapping[str, Progress], *, whole: bool
) -> tuple[Claim, ...]:
    """What of the decision's claims goes back with what comes back: of each rule as many points as are taken for it,
    under the keys of the purchase's own periods (R22), and the time it was given once nothing of it is left.

    What gifts have taken comes back with the gifts; their milestones count a purchase no more once it is back whole.
    """
    if decision is None or not decision.all_claims:
        return ()
    points: dict[str, int] = {}
    for rules in revert(decision, before, after).values():
        for rule, taken in rules.items():
            points[rule] = points.get(rule, 0) + taken
    of_gifts = gift_claims(decision)
    found = [claim for claim in of_gifts if whole and _what(claim) in _MILESTONES]
    for claim in decision.claims:
        if claim.kind == "history" or claim in of_gifts:
            continue  # History is read anew from what was bought and not returned.
        rule, what, *_ = claim.key.split(":")
        amount = (claim.amount if whole else 0) if what == "times" else points.get(rule, 0)
        if amount:
            found.append(Claim(claim.kind, claim.key, amount))
    return (*found, *taken_back(decision, before, after, whole=whole))


def taken_back(
    decision: Decision | None, before: Mapping[str, Progress], after: Mapping[str, Progress], *, whole: bool
) -> tuple[Claim, ...]:
    """What discounts took of budgets and counted, as far as it goes back: the money with the goods that bear them, the
    use with the whole purchase."""
    if decision is None or not decision.taken:
        return ()
    shares = {one.rule: [*one.shares] for one in decision.discounts}
    every = [share for one in shares.values() for share in one]
    found = []
    for claim in decision.taken:
        rule, what, *_ = claim.key.split(":")
        if what == TIMES:
            amount = claim.amount if whole else 0
        else:
            borne = every if rule == EVERY_PROMOTION else shares.get(rule, [])
            amount = _share_back(claim.amount, borne, before, after)
        if amount:
            found.append(Claim(claim.kind, claim.key, amount))
    return tuple(found)


def _share_back(
    amount: int,
    borne: Sequence[tuple[str, int]],
    before: Mapping[str, Progress],
    after: Mapping[str, Progress],
) -> int:
    """What of an amount that lines bear by these shares comes back with them; in the end all of it, to the cent."""
    total = sum([share for _, share in borne])
    if not total:
        return 0
    later = {**before, **after}
    was, now = (
        sum([given(share, back.get(line_id, NOTHING).part) for line_id, share in borne])
        for back in (before, later)
    )
    return amount * now // total - amount * was // total


_MILESTONES = ("visits", "spent")
_OF_GIFTS = (*_MILESTONES, "given", "stock")


def gift_claims(decision: Decision) -> list[Claim]:
    """What of a decision's claims gift rules have counted, taken and drawn."""
    given = {gift.rule for gift in decision.gifts}
    return [
        claim
        for claim in decision.claims
        if claim.kind == "draw" or _what(claim) in _OF_GIFTS or claim.key.partition(":")[0] in given
    ]


def _what(claim: Claim) -> str:
    return claim.key.split(":")[1] if claim.kind in ("counter", "limit") else ""


def gifts_stay(decision: Decision, before: Decision | None) -> Decision:
    """A decision made anew without gifts, with the gifts of the one ``before`` and all that they counted."""
    if before is None or not (before.gifts or before.claims):
        return decision
    claims = (*decision.claims, *gift_claims(before))
    return replace(decision, gifts=before.gifts, claims=claims)


def gifts_anew(decision: Decision, again: Decision) -> Decision:
    """A decision with the gifts of another one about the same purchase, and with all that those counted and took."""
    of_gifts = gift_claims(decision)
    others = tuple([claim for claim in decision.claims if claim not in of_gifts])
    return replace(decision, gifts=again.gifts, claims=(*others, *gift_claims(again)))


def points_of(taken: Mapping[str, Mapping[str, int]]) -> int:
    """All points of a reversion."""
    return sum(sum(rules.values()) for rules in taken.values())
