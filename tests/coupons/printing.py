"""What an office does with coupons, in a line each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_api import clock, jobs
from loyalty_api.jobs import FOR_EVER, Limit
from tests.support.shop import Caller, Reply, Shop


def make(shop: Shop, *, limit: Limit = FOR_EVER, now: datetime | None = None) -> int:
    """What a worker does about coupons that were asked for."""
    vault = shop.app.extensions["vault"]
    return jobs.make_coupons(shop.database, vault, now=now or clock.now(), limit=limit)


def asked(shop: Shop, **batch: Any) -> Reply:
    """A batch that was asked for and is not made yet."""
    body = {"name": "FRESH", "kind": "single", **batch}
    if "members" not in body:
        body.setdefault("count", 1)
    return shop.office.post("/v1/coupon-batches", body)


def printed(shop: Shop, **batch: Any) -> list[dict[str, Any]]:
    """The codes of a new batch, in clear."""
    made = asked(shop, **batch)
    assert made.status == 201, made.body
    make(shop)
    return codes(shop.office, made["batch_id"]).lines


def codes(caller: Caller, batch_id: str, **body: Any) -> Reply:
    """Read a batch's codes."""
    return caller.post(f"/v1/coupon-batches/{batch_id}/codes", body, key=None)


def one(shop: Shop, **batch: Any) -> str:
    """The code of a new batch of one."""
    (line,) = printed(shop, **batch)
    code: str = line["code"]
    return code


def validate(caller: Caller, code: str, **more: Any) -> Reply:
    """Ask about a code at a till."""
    return caller.post("/v1/coupons/validate", {"code": code, "store": "str_1", **more}, key=None)
