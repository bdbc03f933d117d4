"""What is stored comes back exactly, through real JSON text, and says nothing it need not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Claim, Decision, Discount, Effect, NearMiss, Rate, Reason
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_from_json, decision_to_json, facts_from_json, facts_to_json
from loyalty_api.rulekit.stored_baskets import basket_from_json, basket_to_json
from loyalty_api.rulekit.stored_engine import UnknownEngine
from tests.rulekit import strategies
from tests.rulekit.strategies import unhurried

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def through_text(document):
    return json.loads(json.dumps(document))


@unhurried
@given(strategies.baskets)
def test_a_basket_comes_back_as_it_was(basket):
    assert basket_from_json(through_text(basket_to_json(basket))) == basket


@unhurried
@given(strategies.facts)
def test_facts_come_back_as_they_were(facts):
    assert facts_from_json(through_text(facts_to_json(facts))) == facts


def test_a_decision_with_everything_in_it_comes_back_as_it_was():
    effect = Effect(
        rule="base",
        award="base",
        desired=50,
        granted=40,
        shares=(("1", 22), ("2", 18)),
        basis=5000,
        rate=Rate(1, 100, "amount", "up", by_line=True),
        available_at=None,
        expires_at=NOON,
        sliding_months=12,
    )
    decision = Decision(
        version=12,
        at=NOON,
        effects=(effect,),
        reasons=(Reason(None, "not_applicable", "no_member"), Reason("tea", "capped", "capped", {"cap": 40})),
        near_misses=(NearMiss("tea", {"amount": 210}),),
        claims=(Claim("limit", "budget:tea", 40),),
        basis=(("3", 0),),
        discounts=(
            Discount("tea_3_for_2", "line", "percent", 900, 800, (("2", 800),), 2, (("1", 2000), ("2", 900))),
            Discount("ten", "basket", "percent", 100, 100, (("1", 60), ("2", 40)), basket_wide=True),
        ),
    )
    assert decision_from_json(through_text(decision_to_json(decision))) == decision


def test_defaults_are_not_stored():
    assert basket_to_json(Basket("str_1", "NOK", (Line("1", 100),))) == {
        "e": 4,
        "store": "str_1",
        "currency": "NOK",
        "lines": [{"line_id": "1", "amount": 100}],
    }
    assert facts_to_json(Facts(Member())) == {"e": 4, "member": {"status": "active"}}


@pytest.mark.parametrize("read", [basket_from_json, facts_from_json, decision_from_json])
@pytest.mark.parametrize("document", [{}, {"e": 5}])
def test_another_engine_is_refused_and_never_guessed(read, document):
    with pytest.raises(UnknownEngine):
        read(document)
