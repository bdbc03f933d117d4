"""What was bought, as the rules see it: lines with their master data resolved, and how they were paid."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.values import dataclass

NO_PATH: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """A part of a line's amount that was not charged; ``amount`` is positive, in minor units.

    ``source`` is ``till``, ``program``, ``coupon`` or ``staff``. ``basket_wide`` marks a line's share of a
    discount given on the whole basket (R10).
    """

    source: str
    amount: int
    kind: str | None = None
    promotion_id: str | None = None
    basket_wide: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a basket.

    ``amount`` is the whole line as sold, before ``discounts`` (R3), in minor units; it is negative only on
    corrections and deposit returns. ``quantity`` counts ``unit``: ``each``, ``g``, ``ml`` or ``mm`` (R8).
    ``category`` is a path from the outermost group inwards. ``tax_rate`` is a percentage as a decimal string.
    ``cost`` is what the whole line costs the merchant, in minor units, where the till says it.
    ``tags`` are the product's, sorted.
    """

    line_id: str
    amount: int
    sku: str | None = None
    quantity: int = 1
    unit: str = "each"
    type: str = "goods"
    discounts: tuple[LineDiscount, ...] = ()
    category: tuple[str, ...] = NO_PATH
    department: str | None = None
    brand: str | None = None
    legal_class: str | None = None
    tax_rate: str | None = None
    cost: int | None = None
    tags: tuple[str, ...] = ()

    @property
    def paid(self) -> int:
        """What the customer paid for the line: its amount less all its discounts, in minor units."""
        if not self.discounts:
            return self.amount
        return self.amount - sum([discount.amount for discount in self.discounts])

    def discounted(self, more: Sequence[LineDiscount]) -> Line:
        """The line with ``more`` discounts behind those that it has."""
        # Written out: ``dataclasses.replace`` takes three times as long, and each priced line is made here.
        return Line(
            self.line_id, self.amount, self.sku, self.quantity, self.unit, self.type, (*self.discounts, *more),
            self.category, self.department, self.brand, self.legal_class, self.tax_rate, self.cost, self.tags,
        )  # fmt: skip

    @property
    def pieces(self) -> int:
        """How many pieces counting rules see: a measured line is one, and so is quantity 0 (R8)."""
        return self.quantity or 1 if self.unit == "each" else 1


@dataclass(frozen=True, slots=True)
class Payment:
    """One tender and the amount it paid, in minor units; ``kind`` is for example card, cash or points."""

    kind: str
    amount: int
    redemption_id: str | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket to be rated.

    ``kind`` is ``sale``, ``staff`` or ``business``. ``pricing`` is ``open`` (the program sets the price) or
    ``settled`` (already paid: its discounts are facts). ``time_zone`` is the store's own zone, for hour
    windows only (R60); without one the program's zone is used.
    """

    store: str
    currency: str
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...] = ()
    kind: str = "sale"
    channel: str = "store"
    tax_included: bool = True
    time_zone: str | None = None
    pricing: str = "settled"
    coupons: tuple[str, ...] = ()


def category_path(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """The path of a category written as a list of names or as one string, ``"Food > Dairy"``.

    The separator is ``>`` because real names hold slashes ("COUPON/MISC ITEMS").
    """
    if value is None:
        return NO_PATH
    names = value.split(">") if isinstance(value, str) else value
    return tuple([name.strip() for name in names if name.strip()])
