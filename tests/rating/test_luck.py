"""Chances of a replay: repeatable, at the odds of the rule, and the same for both sides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from loyalty_api.draws.rules import SPACE
from loyalty_api.rating.rules_folding import Bought, Start, fold
from loyalty_api.rating.rules_luck import Luck
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Member
from tests.gifts.test_reading import TERMS

NOON = datetime(2030, 3, 4, 12, tzinfo=UTC)
SEED = bytes(range(32))
BASKET = Basket("str_1", "USD", (Line("1", 1000),))


def versions(one_in: int, *, seed: bytes = SEED, version: int = 1, **more: Any) -> Versions:
    rule = {"id": "lucky", "trigger": {"chance": {"one_in": one_in}}, "give": {"points": 5}, **more}
    document = {"currency": "USD", "time_zone": "UTC", "gifts": {"terms": TERMS, "rules": [rule]}}
    program = compile_program(document, version=version)
    return Versions([(NOON - timedelta(days=1), program)], luck=Luck(seed))


def sale(number: int, *, hours: int = 0, decided: Decision | None = None) -> Bought:
    return Bought(UUID(int=number), NOON + timedelta(hours=hours), BASKET, Member(), decided)


def decisions(sales: list[Bought], by: Versions) -> list[Decision]:
    return [decision for _, decision in fold(sales, Start(), by, at=NOON) if decision]


def winners(by: Versions, *, of: int = 1500) -> set[int]:
    """The numbers of those sales, each to another member, that win."""
    return {n for n in range(of) if decisions([sale(n)], by)[0].gifts}


def test_as_many_win_as_the_odds_say_and_more_odds_only_add_winners() -> None:
    few, many = winners(versions(20)), winners(versions(10, version=2))
    assert 50 < len(few) < 100
    assert 115 < len(many) < 185
    assert few < many
    assert few == winners(versions(20))
    assert few != winners(versions(20, seed=SEED[::-1]))


def test_a_member_draws_once_a_day() -> None:
    found = decisions([sale(1), sale(2, hours=3), sale(3, hours=24)], versions(1))
    assert [len(one.gifts) for one in found] == [1, 0, 1]
    assert [one.reasons[0].code for one in found if not one.gifts] == ["no_draw"]


def test_a_guarantee_counts_from_the_beginning() -> None:
    days = [sale(n, hours=24 * n) for n in range(8)]
    found = decisions(days, versions(10**9, guarantee_after=3))
    assert [len(one.gifts) for one in found] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_odds_stay_at_their_base_and_a_budget_ends_the_gift() -> None:
    paced = {"chance": {"one_in": 2, "at_least": 10, "at_most": "3/4"}}
    by = versions(2, trigger=paced, cost=10, budget={"money": 30})
    found = decisions([sale(n, hours=24 * n) for n in range(40)], by)
    given = [gift.numbers["below"] for one in found for gift in one.gifts]
    assert given == [SPACE // 2] * 3
    assert [reason.code for reason in found[-1].reasons] == ["gifts_used_up"]


def test_what_was_decided_keeps_its_points_and_gets_the_gifts_of_the_run() -> None:
    (decided,) = decisions([sale(1)], versions(1, caps=[{"times": 1, "per": "day"}]))
    (again,) = decisions([sale(1, decided=decided)], versions(10**9, caps=[{"times": 1, "per": "day"}]))
    assert (len(decided.gifts), again.gifts) == (1, ())
    assert [claim.kind for claim in decided.claims] == ["draw", "counter"]
    assert [claim.kind for claim in again.claims] == ["draw"]
    assert again.effects == decided.effects
