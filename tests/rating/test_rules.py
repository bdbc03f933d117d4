"""One decision from the same inputs, for ever; and the properties no rule may break."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_program import check_document, compile_program
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.rulekit.facts import NOBODY, Facts, Member, Needs
from loyalty_api.rulekit.stored import decision_from_json, decision_to_json, facts_from_json, facts_to_json
from loyalty_api.rulekit.stored_baskets import basket_from_json, basket_to_json
from tests.earning.builders import BASE, SATURDAY_AFTERNOON, basket, codes, goods, points, program, rated
from tests.rulekit import strategies
from tests.rulekit.strategies import unhurried

BONUS = {"id": "produce_bonus", "kind": "bonus", "points_per": {"points": 1, "amount": 100}}
BONUS |= {"where": {"category": ["produce"]}}


# --- the worked example of the till ----------------------------------------------------------------------


def the_worked_example() -> Basket:
    """Goods 45.00 + 25.00 after a coupon and a markdown, a deposit of 4.00, 20.00 of it paid with points."""
    coupon = LineDiscount("program", 500, promotion_id="prm_dairy10")
    markdown = LineDiscount("till", 429, "markdown")
    lines = (
        Line("1", 5000, sku="7038010000010", quantity=2, discounts=(coupon,), category=("dairy",)),
        Line("2", 2929, quantity=734, unit="g", discounts=(markdown,), category=("produce",)),
        Line("3", 400, sku="pant-2", quantity=2, type="deposit"),
    )
    return Basket("str_0412", "NOK", lines, (Payment("points", 2000, "red_1"), Payment("card", 5400)))


def test_the_worked_example_earns_50_and_17():
    decision = rated(the_worked_example(), program(BASE, BONUS))
    base, bonus = decision.effects
    assert (base.granted, base.shares) == (50, (("1", 32), ("2", 18)))
    assert (bonus.granted, bonus.shares) == (17, (("2", 17),))
    assert decision.basis == (("1", 3214), ("2", 1786), ("3", 0))
    assert (decision.points(award="base"), decision.points(award="bonus"), decision.points()) == (50, 17, 67)


def test_without_points_it_would_have_earned_95():
    paid_by_card = replace(the_worked_example(), payments=(Payment("card", 7400),))
    assert points(paid_by_card, program(BASE, BONUS)) == 95


# --- who earns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (None, "no_member"),
        (Member("blocked"), "member_blocked"),
        (Member("closed"), "member_closed"),
        (Member("active"), None),
        (Member("earn_only"), None),
    ],
)
def test_members_who_may_earn_do_and_others_are_told_why_not(member, code):
    decision = rated(basket(goods(1, 5000)), program(BASE), facts=Facts(member))
    assert decision.points() == (0 if code else 50)
    assert codes(decision) == ({None: code} if code else {})


@pytest.mark.parametrize(
    ("kind", "staff", "listed", "earned"),
    [
        ("sale", False, ["sale"], 50),
        ("staff", False, ["sale"], 0),
        ("staff", False, ["sale", "staff"], 50),
        ("business", False, ["sale"], 0),
        ("sale", True, ["sale"], 0),
        ("sale", True, ["sale", "staff"], 50),
    ],
)
def test_kinds_of_purchase_earn_only_if_listed_and_staff_is_a_fact_of_the_member(kind, staff, listed, earned):
    some = program(BASE, purchases={"earning_kinds": listed})
    decision = rated(basket(goods(1, 5000), kind=kind), some, facts=Facts(Member(staff=staff)))
    assert decision.points() == earned
    assert codes(decision) == ({} if earned else {None: "kind_does_not_earn"})


# --- the demo program ------------------------------------------------------------------------------------


def demo_document():
    return json.loads((resources.files("loyalty_api.demo") / "basic.json").read_text(encoding="utf-8"))


def test_the_demo_program_is_valid_and_gives_base_and_produce_bonus():
    assert check_document(demo_document()) == ()
    demo = compile_program(demo_document(), version=1)
    coupon = LineDiscount("till", 100, "coupon")
    lines = (
        Line("1", 299, department="PRODUCE", quantity=0),
        Line("2", 450, department="GROCERY", discounts=(coupon,)),
        Line("3", 0, department="PRODUCE"),
        Line("4", 50, discounts=(LineDiscount("till", 100, "coupon"),)),
    )
    decision = evaluate(Basket("367", "USD", lines), Facts(Member()), demo, datetime(2017, 1, 1, tzinfo=UTC))
    assert [(effect.rule, effect.granted) for effect in decision.effects] == [
        ("base", 5),
        ("produce_bonus", 2),
    ]
    assert {effect.expires_at for effect in decision.effects} == {None}
    assert demo.settings.late_days is None
    assert demo.needs(datetime(2017, 1, 1, tzinfo=UTC)) == Needs()


# --- counting --------------------------------------------------------------------------------------------


def test_advance_takes_claims_from_limits_and_puts_them_on_counters():
    claims = (Claim("limit", "budget", 30), Claim("counter", "month", 30), Claim("counter", "month", 12))
    decision = Decision(1, SATURDAY_AFTERNOON, claims=claims)
    after = advance(Facts(Member(), {"month": 5}, {"budget": 100}), basket(), decision)
    assert after == Facts(Member(), {"month": 47}, {"budget": 70})


def test_a_decision_without_claims_changes_nothing():
    decision = rated(basket(goods(1, 5000)), program(BASE))
    assert advance(NOBODY, basket(), decision) == NOBODY


# --- what no rule may break ------------------------------------------------------------------------------

PER = st.sampled_from(
    [
        {"points": 1, "amount": 100},
        {"points": 3, "amount": 700},
        {"points": 1, "quantity": 1000, "unit": "ml"},
        {"points": 2, "quantity": 1, "unit": "each"},
    ]
)
RULES = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["base", "bonus"]), "points_per": PER},
        optional={
            "where": st.sampled_from([{"department": ["PRODUCE"]}, {"category": ["food > dairy"]}]),
            "round": st.sampled_from(["down", "half_up", "up"]),
            "round_at": st.sampled_from(["line", "basket"]),
            "minimum_basket": st.integers(0, 100_000),
            "cap_per_purchase": st.integers(1, 500),
            "cap_effect": st.sampled_from(["reduce", "refuse"]),
            "basket_discount_on_scoped": st.sampled_from(["ignores", "reduces"]),
            "lots": st.sampled_from([{"expire": {"days": 30}}, {"available": "on_event"}]),
        },
    ),
    max_size=4,
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "tax": st.sampled_from(["included", "excluded"]),
        "reduced_by": st.sampled_from([["till"], ["program", "coupon"], []]),
        "tenders_excluded": st.sampled_from([["points"], ["points", "deposit_slip"], []]),
    },
)


@st.composite
def programs(draw):
    rules = [{"id": f"r{number}", **rule} for number, rule in enumerate(draw(RULES))]
    sections = {} if draw(st.booleans()) else {"exclusions": []}
    return program(*rules, earn=draw(SETTINGS), **sections)


@unhurried
@given(strategies.baskets, strategies.facts, programs())
def test_points_are_whole_never_negative_and_lie_with_lines_to_the_last_one(of, facts, by):
    for effect in rated(of, by, facts=facts).effects:
        assert 0 <= effect.granted <= effect.desired
        assert sum(share for _, share in effect.shares) == effect.granted
        assert all(type(share) is int and share > 0 for _, share in effect.shares)
        assert {line_id for line_id, _ in effect.shares} <= {line.line_id for line in of.lines}


@unhurried
@given(strategies.baskets, strategies.facts, programs())
def test_what_was_stored_decides_the_same_again(of, facts, by):
    decision = rated(of, by, facts=facts)
    stored = json.loads(json.dumps([basket_to_json(of), facts_to_json(facts), decision_to_json(decision)]))
    again = evaluate(basket_from_json(stored[0]), facts_from_json(stored[1]), by, decision.at)
    assert again == decision == decision_from_json(stored[2])
    assert decision_to_json(again) == stored[2]


def no_float(value) -> bool:
    if isinstance(value, dict):
        return all(no_float(inner) for inner in value.values())
    return (
        all(no_float(inner) for inner in value) if isinstance(value, list) else not isinstance(value, float)
    )


@unhurried
@given(strategies.baskets, programs())
def test_there_is_no_float_in_a_decision(of, by):
    assert no_float(decision_to_json(rated(of, by)))


@unhurried
@given(strategies.baskets, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_total(of, random):
    by = program(BASE, BONUS, exclusions=[])
    whole = replace(of, payments=(), tax_included=True)
    mixed = replace(whole, lines=tuple(random.sample(whole.lines, len(whole.lines))))
    mine, other = rated(whole, by), rated(mixed, by)
    assert [effect.granted for effect in mine.effects] == [effect.granted for effect in other.effects]
    assert sorted(codes(mine).items(), key=str) == sorted(codes(other).items(), key=str)
