"""Rules that ask for a level and count what they give: one sale settles both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.calendar import Calendar
from tests.support.shop import Shop, line, receipt
from tests.tiers.till import SINCE, Counter, document

CLUB: dict[str, Any] = {
    "id": "club", "kind": "bonus", "points_per": {"points": 1, "amount": 100},
    "when": {"member": {"tier": ["gold"]}}, "caps": [{"per": "day", "points": 30}], "budget": 50,
}  # fmt: skip
NOT_IN_A_QUOTE = {"business_date", "reference", "total", "payments"}


@pytest.fixture
def club(fresh_shop: Shop, calendar: Calendar) -> Counter:
    """Gold has half as many points again from the sale that reaches it, and a bonus with a cap and a budget."""
    made = document(benefits_from="this_purchase")
    made["earn"]["rules"].append(CLUB)
    shop = Counter(fresh_shop, calendar)
    calendar.on("2026-02-01T10:00+01:00")
    fresh_shop.publish(made, effective_from=SINCE.replace(year=2021))
    shop.enrol("K-1001")
    return shop


def granted(answer: Any) -> dict[str, int]:
    return {effect["rule"]: effect["granted"] for effect in answer["effects"]}


def test_the_sale_that_reaches_the_level_has_its_bonus_and_its_cap(club: Counter) -> None:
    assert granted(club.sells("K-1001", 50_000, at="2026-03-01T12:00+01:00")) == {"base": 500}
    reached = club.sells("K-1001", 50_000, at="2026-03-02T12:00+01:00")
    assert granted(reached) == {"base": 500, "club": 30, "tier:gold": 250}
    assert reached["tier"]["code"] == "gold"
    assert granted(club.sells("K-1001", 5_000, at="2026-03-02T13:00+01:00"))["club"] == 0
    last = club.sells("K-1001", 5_000, at="2026-03-03T12:00+01:00")
    assert granted(last) == {"base": 50, "club": 20, "tier:gold": 25}
    assert {"code": "budget_exhausted", "rules": ["club"]} in last["discrepancies"]
    assert club.all_is_well()


def test_a_quote_tells_the_same_and_takes_nothing(club: Counter) -> None:
    at = "2026-03-02T12:00+01:00"
    club.sells("K-1001", 50_000, at="2026-03-01T12:00+01:00")
    body = receipt(line(50_000), card="K-1001", at=club.calendar.on(at))
    asked = {name: value for name, value in body.items() if name not in NOT_IN_A_QUOTE}
    for _ in range(2):
        assert granted(club.shop.till.post("/v1/quotes", asked, key=None))["club"] == 30
    assert granted(club.sells("K-1001", 50_000, at=at))["club"] == 30


def test_goods_that_come_back_give_the_cap_back_and_count_less(club: Counter) -> None:
    member = club.shop.enrol("K-1002")
    club.sells("K-1002", 99_000, at="2026-03-01T12:00+01:00")
    reached = club.sells("K-1002", 2_000, at="2026-03-02T12:00+01:00")
    assert granted(reached)["club"] == 20
    club.takes_back(reached, at="2026-03-02T14:00+01:00")
    assert club.level(member, at="2026-03-03T00:30+01:00") == "silver"
    assert granted(club.sells("K-1002", 3_000, at="2026-03-02T18:00+01:00"))["club"] == 30
    assert club.all_is_well()


def test_a_batch_is_rated_by_the_levels_of_its_own_days_and_reaches_one_with_its_last_sale(
    club: Counter,
) -> None:
    bodies = [
        receipt(line(amount), card="K-1001", at=club.calendar.on(f"2026-03-0{day}T12:00+01:00"))
        for day, amount in [(1, 60_000), (2, 50_000), (2, 2_000), (3, 9_000)]
    ]
    file = [{"type": "purchase", "body": body} for body in bodies]
    answers = club.shop.till.upload("POST", "/v1/batch", file).lines
    assert [answer["status"] for answer in answers] == ["created"] * 4
    points = [club.shop.office.get(f"/v1/purchases/{answer['id']}")["points"]["earned"] for answer in answers]
    # What was sold before today raises the level from now on (R52).
    assert points == [600, 500, 20, 90 + 45 + 30]
    assert club.all_is_well()
