"""A refusal says what it lacks in figures, when it would work, and all of it in the caller's language."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_api.language import catalogue
from loyalty_api.trouble import figures
from tests.explanations.till import Till, line
from tests.support.shop import Reply


def refused(till: Till, member: str, language: str = "en", **wish: Any) -> Reply:
    body = {"member_id": member, "store": "str_1", **wish}
    reply = till.shop.till.post("/v1/redemptions", body, Accept_Language=language)
    assert reply.status == 409, reply.body
    return reply


def test_too_few_points_say_where_the_others_are_and_from_when_on_it_works(till: Till) -> None:
    member = till.shop.enrol("REF-1")
    till.shop.office.post(f"/v1/members/{member}/adjustments", {"points": 50, "reason": "other"})
    held = {"member_id": member, "store": "str_1", "for": "points", "points": 20}
    assert till.shop.till.post("/v1/redemptions", held).status == 201
    till.sells(line(4000, sku="soap"), card="REF-1")
    found = refused(till, member, **{"for": "points"}, points=70)
    assert found["why"] == {
        "needed": 70, "available": 30, "pending": 40, "held": 20, "enough_at": "2026-03-15T23:00:00Z",
        "day": "2026-03-16",
    }  # fmt: skip
    assert found["detail"] == (
        "It takes 70 points, and 30 points can be used now; 40 points are on their way and 20 points are set aside."
        " Enough can be used from 2026-03-16."
    )
    russian = refused(till, member, "ru", **{"for": "points"}, points=1000)
    assert russian["why"]["enough_at"] is None
    assert russian["detail"].endswith(
        "сейчас доступно: 30 баллов; ожидается: 40 баллов; зарезервировано: 20 баллов."
    )


def test_too_little_to_be_used_says_the_least(till: Till) -> None:
    member = till.shop.enrol("REF-2")
    found = refused(till, member, "sv", **{"for": "basket"}, max_amount=10_000)
    assert (found.code, found["detail"]) == ("below_minimum", "Det minsta som kan användas är 10 poäng.")
    assert (found["why"], found["missing"]) == ({"least": 10}, {"points": 10})


def test_a_reward_says_how_many_one_may_have_and_when_again(till: Till) -> None:
    member, office = till.shop.enrol("REF-3"), till.shop.office
    office.post(f"/v1/members/{member}/adjustments", {"points": 50, "reason": "other"})
    coffee = {
        "kind": "product",
        "name": {"en": "Coffee"},
        "price": {"points": 10},
        "limit": {"number": 1, "per": "month"},
    }
    reward = office.post("/v1/rewards", coffee)["reward_id"]
    wish = {"for": "reward", "reward_id": reward}
    assert (
        till.shop.till.post("/v1/redemptions", {"member_id": member, "store": "str_1", **wish}).status == 201
    )
    assert refused(till, member, **wish)["detail"] == (
        "You have had 1 of the 1 that one member may have a month. Again from 2026-04-01."
    )
    for_some = {**coffee, "audience": {"tiers": ["gold"]}}
    wish["reward_id"] = office.post("/v1/rewards", for_some)["reward_id"]
    assert refused(till, member, "da", **wish)["detail"] == "Den er for andre medlemmer."


@pytest.mark.parametrize("per", ["day", "week", "month", "year", "ever"])
def test_every_period_has_its_words(per: str) -> None:
    said = figures(catalogue("fi"), {"had": 1, "limit": 2, "per": per, "day": None})
    assert said["per"] != per
