"""The member's history: one item for each thing that happened, page by page, narrowed as asked (M7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Caller, Shop, line, receipt

BEGIN = datetime(2031, 5, 5, 10, tzinfo=UTC)


@pytest.fixture
def app(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The app of a member with five purchases on five days, whose points live for ten days; now is day 13."""
    today = Calendar(monkeypatch, BEGIN)
    fresh_shop.publish(with_lots(expire={"days": 10}), effective_from=BEGIN - timedelta(days=9))
    member = fresh_shop.enrol("HISTORY")
    for day in range(5):
        at = today.on(BEGIN + timedelta(days=day))
        sold = receipt(line(100 * (day + 1)), card="HISTORY", at=at)
        assert fresh_shop.till.post("/v1/purchases", sold, key=None).status == 201
    today.on(BEGIN + timedelta(days=13))
    return fresh_shop.member(member)


def items(app: Caller, query: str = "") -> list[tuple[str, int]]:
    return [(item["kind"], item["points"]) for item in app.get(f"/v1/me/activity{query}")["data"]]


ALL = [
    ("expiry", -3), ("expiry", -2), ("expiry", -1),
    ("purchase", 5), ("purchase", 4), ("purchase", 3), ("purchase", 2), ("purchase", 1),
]  # fmt: skip


def test_the_latest_comes_first(app: Caller) -> None:
    assert items(app) == ALL


def test_each_page_goes_on_where_the_last_one_ended(app: Caller) -> None:
    found, cursor = [], ""
    while True:
        page = app.get(f"/v1/me/activity?limit=3{cursor}")
        found += [(item["kind"], item["points"]) for item in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ALL


def test_it_can_be_narrowed_to_a_kind_and_to_dates(app: Caller) -> None:
    assert items(app, "?kind=expiry") == ALL[:3]
    assert items(app, "?kind=purchase&since=2031-05-07T00:00:00Z&until=2031-05-09T00:00:00Z") == [
        ("purchase", 4),
        ("purchase", 3),
    ]


def test_it_speaks_the_members_language(app: Caller) -> None:
    titles = {item["title"] for item in app.get("/v1/me/activity", Accept_Language="nb")["data"]}
    assert "Handel, Store 1" in titles
