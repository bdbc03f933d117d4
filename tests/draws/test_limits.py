"""What keeps gifts affordable and fair: budgets that pace the odds, a pause between gifts, a guarantee, the report."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from loyalty_api.draws.rules import SPACE
from tests.draws.days import NOW, buy, day, drawn, enrol, keep, lucky, open_draws
from tests.purchases.racing import breaches
from tests.support.shop import Shop, receipt

NEVER = {"chance": {"one_in": 10**9}}
CERTAIN = {"chance": {"one_in": 1}}


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """A shop with a gift that nobody wins but by the guarantee, one with a pause, and one on a budget."""
    bounds = {"chance": {"one_in": 10, "at_least": 10**9, "at_most": 1}}
    budget = {"money": 3500, "period": "program"}
    until = str(day(1))
    open_draws(
        shop,
        lucky("promised", trigger=NEVER, guarantee_after=2),
        lucky("rested", trigger=CERTAIN, cooldown_days=3),
        lucky("paced", trigger=bounds, budget=budget, until=until, stores=["str_2"]),
    )
    return shop


def of(shop: Shop, gift: str, *, since: int = 0) -> list[tuple[int, int, bool]]:
    """The day, from today, the row and the outcome of each draw of a gift, but for the first ones."""
    return [((one["day"] - day(0)).days, one["row_no"], one["won"]) for one in drawn(shop, gift)[since:]]


def test_after_so_many_draws_without_luck_the_next_one_wins(lane: Shop) -> None:
    enrol(lane, "8500001")
    for back in (3, 2, 1, 0):
        assert buy(lane, "8500001", at=NOW - timedelta(days=back)).status == 201
    assert of(lane, "promised") == [(-3, 0, False), (-2, 0, False), (-1, 1, True), (0, 0, False)]


def test_between_two_gifts_of_a_rule_there_is_a_pause(lane: Shop) -> None:
    before = len(drawn(lane, "rested"))
    enrol(lane, "8500002")
    for back in (3, 2, 1, 0):
        assert buy(lane, "8500002", at=NOW - timedelta(days=back)).status == 201
    assert [when for when, _, _ in of(lane, "rested", since=before)] == [-3, 0]


def test_odds_follow_the_budget_and_the_budget_ends(lane: Shop) -> None:
    till = {"store": "str_2"}
    for n in range(4):
        enrol(lane, f"85001{n:02}")
    for back in (3, 2, 1):
        # Nothing is known of the traffic yet, so the odds are the base's, somewhere between the bounds.
        assert sell(lane, "8500100", NOW - timedelta(days=back), **till) == 201
    assert all(0 < row < 16 for _, row, _ in of(lane, "paced"))
    keep(lane, NOW)
    fresh = lane.app.extensions["desk"].draws
    fresh._days.clear()
    before = len(drawn(lane, "paced"))
    for n in range(1, 4):
        assert sell(lane, f"85001{n:02}", NOW, **till) == 201
    rows = [row for _, row, _ in of(lane, "paced", since=before)]
    # Hardly any traffic is expected until tomorrow, and the budget is nearly whole: the likeliest row it is.
    assert max(rows) > 10
    assert sum(won for _, _, won in of(lane, "paced")) <= 7


def sell(shop: Shop, card: str, at: Any, **more: Any) -> int:
    """A sale in the other store."""

    return (
        shop.caller("terminal", store="str_2")
        .post("/v1/purchases", receipt(card=card, at=at, **more), key=None)
        .status
    )


def test_the_report_holds_wins_against_the_odds(lane: Shop) -> None:
    found = lane.office.get(f"/v1/gifts/fairness?from={day(-6)}&to={day(0)}")
    assert found.status == 200
    by_gift = {one["name"]: one for one in found["gift"]["groups"]}
    assert by_gift["rested"]["draws"] == by_gift["rested"]["wins"] == float(by_gift["rested"]["expected"])
    assert float(by_gift["promised"]["expected"]) == pytest.approx(by_gift["promised"]["wins"], abs=0.01)
    assert {one["name"] for one in found["store"]["groups"]} == {"str_1", "str_2"}
    assert found["tier"]["p"] is None or 0 <= float(found["tier"]["p"]) <= 1
    assert found["staff_gifts"] == []
    assert lane.office.get("/v1/gifts/fairness").status == 200
    assert lane.office.get(f"/v1/gifts/fairness?from={day(0)}&to={day(-1)}").status == 422
    assert lane.office.get("/v1/gifts/fairness?from=2020-01-01").status == 422


def test_what_was_counted_is_what_was_claimed(lane: Shop) -> None:
    assert breaches(lane) == []
    assert all(one["ticket"] < SPACE for one in drawn(lane))
