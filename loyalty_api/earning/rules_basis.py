"""The basis of earning, line by line: what was paid, less what earns nothing.

What lowers it stands in ``earn.reduced_by`` (discounts), ``earn.tenders_excluded`` (payments), ``earn.tax``
and the program's exclusions, which come first and outrank every rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.rounding import divide, spread
from loyalty_api.values import dataclass

EVERY_DISCOUNT = frozenset(("till", "program", "coupon", "staff"))
_WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class BasisTerms:
    """What lowers the basis; ``excluded`` is None when the program excludes nothing."""

    reduced_by: frozenset[str]
    tax: str
    tenders_excluded: frozenset[str]
    excluded: Excluded | None


@dataclass(frozen=True, slots=True)
class Basis:
    """By line, in minor units: what was ``paid``, what earns (``amounts``; 0 where excluded), and the same
    without basket-wide discounts (``undiscounted``). ``earning`` are the places of lines that are not
    excluded. ``counted`` are those of lines that minimums and conditions count, ``threshold`` what was paid for them.
    """

    paid: list[int]
    amounts: list[int]
    undiscounted: list[int]
    earning: list[int]
    counted: list[int]
    threshold: int

    def adjusted(self, lines: Sequence[Line]) -> tuple[tuple[str, int], ...]:
        """The lines whose basis is not what was paid for them, with their basis."""
        if self.amounts == self.paid:
            return ()
        rows = zip(lines, self.paid, self.amounts, strict=True)
        return tuple([(line.line_id, amount) for line, paid, amount in rows if amount != paid])


def basis_terms(*, section: Mapping[str, Any], excluded: Excluded | None) -> BasisTerms:
    """The terms from the ``earn`` section as it was read."""
    return BasisTerms(section["reduced_by"], section["tax"], section["tenders_excluded"], excluded)


def basis_of(basket: Basket, terms: BasisTerms) -> Basis:
    """The basis of every line of the basket.

    Discounts come off first, then the part paid with excluded tenders, then tax.
    """
    lines = basket.lines
    paid = [line.paid if line.discounts else line.amount for line in lines]
    out = [terms.excluded(line) for line in lines] if terms.excluded else None
    lowered = paid if terms.reduced_by == EVERY_DISCOUNT else [_lowered(line, terms) for line in lines]
    taken = _paid_otherwise(basket, terms, paid, out)
    if taken:
        lowered = [amount - part for amount, part in zip(lowered, taken, strict=True)]
    amounts = undiscounted = _counted(basket, terms, lowered, out)
    if [1 for line in lines if line.discounts for given in line.discounts if given.basket_wide]:
        before = [amount + _basket_wide(line, terms) for amount, line in zip(lowered, lines, strict=True)]
        undiscounted = _counted(basket, terms, before, out)
    counted = _allowed("threshold", out, len(lines))
    threshold = sum([paid[i] for i in counted]) if out else sum(paid)
    return Basis(paid, amounts, undiscounted, _allowed("earn", out, len(lines)), counted, threshold)


def _allowed(effect: str, out: list[frozenset[str]] | None, count: int) -> list[int]:
    """The places of the lines that are not excluded from an effect."""
    return list(range(count)) if out is None else [i for i in range(count) if effect not in out[i]]


def origin(discount: LineDiscount) -> str:
    """Whose discount it is for ``earn.reduced_by``: a coupon's and an employee's by their kind, else the
    source's (R18: an employee discount is a till discount)."""
    if discount.kind == "coupon":
        return "coupon"
    if discount.kind in ("staff", "employee"):
        return "staff"
    return discount.source


def _lowered(line: Line, terms: BasisTerms) -> int:
    lowers = terms.reduced_by
    return line.amount - sum([given.amount for given in line.discounts if origin(given) in lowers])


def _basket_wide(line: Line, terms: BasisTerms) -> int:
    lowers = terms.reduced_by
    return sum([given.amount for given in line.discounts if given.basket_wide and origin(given) in lowers])


def _paid_otherwise(
    basket: Basket, terms: BasisTerms, paid: list[int], out: list[frozenset[str]] | None
) -> list[int] | None:
    """The part of each line paid with tenders that earn nothing (R12), or None when there is none.

    Pro rata by what was paid, over the lines the tender may pay: points only those that can be redeemed on,
    which therefore choose first; any other tender what is left. Lines below zero take no part.
    """
    tenders = [payment for payment in basket.payments if payment.kind in terms.tenders_excluded]
    if not tenders:
        return None
    points = sum([tender.amount for tender in tenders if tender.kind == "points"])
    others = sum([tender.amount for tender in tenders if tender.kind != "points"])
    left = [max(amount, 0) for amount in paid]
    redeemable = _without("redeem", left, out)
    first = _part(points, redeemable)
    second = _part(others, [amount - part for amount, part in zip(left, first, strict=True)])
    return [one + other for one, other in zip(first, second, strict=True)]


def _part(amount: int, weights: list[int]) -> list[int]:
    amount = min(amount, sum(weights))
    return spread(amount, weights) if amount > 0 else [0] * len(weights)


def _without(effect: str, amounts: list[int], out: list[frozenset[str]] | None) -> list[int]:
    """The amounts, 0 for lines that are excluded from an effect."""
    if out is None:
        return amounts
    return [0 if effect in effects else amount for amount, effects in zip(amounts, out, strict=True)]


def _counted(
    basket: Basket, terms: BasisTerms, amounts: list[int], out: list[frozenset[str]] | None
) -> list[int]:
    """Amounts with or without tax as the program says, and 0 for lines that may not earn."""
    amounts = _without("earn", amounts, out)
    if basket.tax_included == (terms.tax == "included"):
        return amounts
    taxed = zip(amounts, basket.lines, strict=True)
    if basket.tax_included:
        return [divide(amount * _WHOLE, _WHOLE + _rate(line.tax_rate), "half_up") for amount, line in taxed]
    return [divide(amount * (_WHOLE + _rate(line.tax_rate)), _WHOLE, "half_up") for amount, line in taxed]


@lru_cache(maxsize=256)
def _rate(percent: str | None) -> int:
    """A tax rate in millionths: ``"25.5"`` → 255,000. No rate is no tax."""
    return 0 if percent is None else int(Decimal(percent) * 10_000)
