"""Rules that ask for a birthday or for tags of products: what they are told, and what is kept of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.purchases.racing import breaches, settled
from tests.support.shop import Shop, line, receipt

NOW = datetime.now(UTC)
DOCUMENT = {
    "currency": "USD",
    "time_zone": "UTC",
    "earn": {
        "rules": [
            {
                "id": "organic", "kind": "base", "points_per": {"points": 1, "amount": 100},
                "where": {"tag": ["organic"]},
            },
            {"id": "party", "kind": "bonus", "points": 50, "when": {"member": {"birthday": {"days_after": 3}}}},
        ],
        "events": [
            {"id": "wish", "event": "wish_read", "points": 5, "when": {"member": {"birthday": {"days_before": 9}}}}
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def asking(shop: Shop) -> Shop:
    shop.publish(DOCUMENT, effective_from=NOW - timedelta(days=60))
    tagged = {"sku": "kale", "name": "Kale", "tags": ["organic", "fresh", "organic"]}
    assert shop.office.upload("PUT", "/v1/products", [tagged]).lines[0]["status"] == "created"
    again = {**tagged, "tags": ["fresh", "organic"]}
    assert shop.office.upload("PUT", "/v1/products", [again]).lines[0]["status"] == "unchanged"
    return shop


def born(days_ago: int) -> dict[str, str]:
    """A profile whose last birthday was so many days ago."""
    day = (NOW - timedelta(days=days_ago)).date()
    return {"birth_date": f"1988-{day:%m-%d}"}


def test_lines_are_selected_by_the_tags_of_the_master(asking: Shop) -> None:
    assert asking.office.get("/v1/products/kale")["tags"] == ["fresh", "organic"]
    asking.enrol("TAGS1")
    sale = receipt(line(700, sku="kale"), line(900, line_id="2"), card="TAGS1", at=NOW)
    assert asking.till.post("/v1/purchases", sale, key=None)["points"]["earned"] == 7


def test_tags_are_kept_with_the_line_for_whoever_claims_it_later(asking: Shop) -> None:
    sold = receipt(line(700, sku="kale"), card="TAGS2", at=NOW)
    assert asking.till.post("/v1/purchases", sold, key=None)["points"]["earned"] == 0
    changed = {"sku": "kale", "name": "Kale", "tags": ["fresh", "organic"]}
    asking.office.upload("PUT", "/v1/products", [{**changed, "tags": []}])
    member = asking.enrol("TAGS2")
    settled(asking)
    assert asking.balance(member)["available"] == 7
    asking.office.upload("PUT", "/v1/products", [changed])


@pytest.mark.parametrize(("days_ago", "points"), [(1, 50), (3, 50), (5, 0), (-1, 0)])
def test_a_birthday_is_a_window_of_days(asking: Shop, days_ago: int, points: int) -> None:
    card = f"BORN{days_ago + 10}"
    asking.enrol(card, profile=born(days_ago))
    sold = asking.till.post("/v1/purchases", receipt(line(700), card=card, at=NOW), key=None)
    assert sold["points"]["earned"] == points


def test_of_the_day_of_birth_only_whether_it_held_is_kept(asking: Shop) -> None:
    member = asking.enrol("BORN99", profile=born(2))
    asking.enrol("BORN98")
    for card in ("BORN98", "BORN99"):
        sale = receipt(line(700), card=card, at=NOW)
        asked = {
            k: v for k, v in sale.items() if k not in ("business_date", "reference", "total", "payments")
        }
        quoted = asking.till.post("/v1/quotes", asked, key=None)["points"]["total"]
        assert quoted == asking.till.post("/v1/purchases", sale, key=None)["points"]["earned"]
    told = {"event": "wish_read", "member_id": member, "occurred_at": NOW.isoformat()}
    assert asking.office.post("/v1/events", told)["reasons"][0]["code"] == "not_birthday"
    row = asking.database.fetch_one(
        "SELECT json_agg(facts), json_agg(decision) FROM (SELECT facts, decision FROM purchases"
        " UNION ALL SELECT facts, decision FROM member_events) kept",
        (),
    )
    assert row is not None
    kept = json.dumps(row)
    assert "1988" not in kept
    assert '"birthday:0:3": true' in kept
    assert breaches(settled(asking)) == []
