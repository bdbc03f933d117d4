"""How much rules give, and how they go together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.earning.rules import check
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.rulekit.decision import NearMiss
from loyalty_api.rulekit.facts import Facts, Member
from tests.earning.builders import BASE, basket, codes, goods, points, program, rated
from tests.rulekit import strategies
from tests.rulekit.strategies import unhurried

DAIRY = {"department": ["DAIRY"]}


def bonus(rule_id="bonus", **award):
    return {"id": rule_id, "kind": "bonus", **award}


def granted(decision):
    return {effect.rule: effect.granted for effect in decision.effects}


# --- awards ----------------------------------------------------------------------------------------------

STEPS = bonus("steps", steps=[{"from": 10000, "points": 50}, {"from": 50000, "points": 300}])


@pytest.mark.parametrize(
    ("paid", "given"), [(9999, 0), (10000, 50), (49999, 50), (50000, 300), (900000, 300)]
)
def test_the_highest_step_that_the_sum_reaches(paid, given):
    assert points(basket(goods(1, paid)), program(STEPS)) == given


def test_below_the_first_step_the_distance_is_told():
    decision = rated(basket(goods(1, 9790)), program(STEPS))
    assert codes(decision) == {"steps": "below_step"}
    assert decision.near_misses == (NearMiss("steps", {"amount": 210}),)


def test_steps_look_at_the_lines_in_scope_and_lie_with_them():
    scoped = {**STEPS, "where": DAIRY}
    lines = (goods(1, 90000), goods(2, 8000, department="DAIRY"), goods(3, 2000, department="DAIRY"))
    (effect,) = rated(basket(*lines), program(scoped)).effects
    assert (effect.basis, effect.granted, effect.shares) == (10000, 50, (("2", 40), ("3", 10)))


def test_fixed_points_once_a_line():
    lines = (goods(1, 300, quantity=7), goods(2, 100), goods(3, 900, off=900))
    (effect,) = rated(basket(*lines), program(bonus(points=5, scope="line"))).effects
    assert (effect.granted, effect.shares) == (10, (("1", 5), ("2", 5)))


@pytest.mark.parametrize(
    ("by", "rounding", "more"),
    [("2", "down", 45), ("1.5", "down", 22), ("1.5", "up", 23), ("1.25", "half_up", 11)],
)
def test_a_multiplier_adds_to_what_is_there(by, rounding, more):
    doubled = program(BASE, bonus("times", multiply={"by": by}, round=rounding))
    decision = rated(basket(goods(1, 4500)), doubled)
    assert granted(decision) == {"base": 45, "times": more}
    assert decision.points(award="bonus") == more


def test_a_multiplier_on_some_lines_multiplies_the_points_of_these():
    lines = (goods(1, 4500), goods(2, 1786, department="DAIRY"))
    decision = rated(basket(*lines), program(BASE, bonus("double", multiply={"by": "2"}, where=DAIRY)))
    base, double = decision.effects
    assert base.shares == (("1", 44), ("2", 18))
    assert double.shares == (("2", 18),)


def test_a_multiplier_works_on_base_alone_if_it_says_so_and_never_on_another_one():
    extra = bonus("extra", points=10)
    both = program(bonus("x2", multiply={"by": "2"}), BASE, extra, bonus("x3", multiply={"by": "3"}))
    assert granted(rated(basket(goods(1, 4500)), both)) == {"base": 45, "extra": 10, "x2": 55, "x3": 110}
    base_only = program(BASE, extra, bonus("x2", multiply={"by": "2", "of": "base"}))
    assert granted(rated(basket(goods(1, 4500)), base_only)) == {"base": 45, "extra": 10, "x2": 45}


def test_nothing_is_multiplied_where_there_is_nothing():
    decision = rated(basket(goods(1, 50)), program(BASE, bonus("x2", multiply={"by": "2"})))
    assert codes(decision) == {"base": "below_step", "x2": "nothing_to_multiply"}


def test_gold_members_earn_half_as_much_again():
    gold = program(BASE, bonus("gold", multiply={"by": "1.5"}, when={"member": {"tier": "gold"}}))
    of = basket(goods(1, 4500))
    assert points(of, gold, facts=Facts(Member(tier="gold"))) == 67
    assert codes(rated(of, gold, facts=Facts(Member(tier="silver")))) == {"gold": "other_tier"}


# --- groups ----------------------------------------------------------------------------------------------


def test_of_a_group_only_the_best_gives_and_the_others_say_so():
    one, two = bonus("a", points=10, group="week"), bonus("b", points=30, group="week")
    decision = rated(basket(goods(1, 4500)), program(BASE, one, two, bonus("c", points=1)))
    assert granted(decision) == {"base": 45, "b": 30, "c": 1}
    (reason,) = decision.reasons
    assert (reason.rule, reason.outcome, reason.code, reason.by) == ("a", "skipped", "better_in_group", "b")
    assert dict(reason.numbers) == {"points": 10, "best": 30}


def test_of_equals_in_a_group_the_first_by_id_gives():
    tied = program(bonus("z", points=10, group="g"), bonus("b", points=10, group="g"))
    assert granted(rated(basket(goods(1, 100)), tied)) == {"b": 10}


def test_the_best_is_what_is_granted_and_not_what_was_desired():
    capped = bonus("capped", points=90, group="g", cap_per_purchase=5)
    assert granted(rated(basket(goods(1, 100)), program(capped, bonus("plain", points=10, group="g")))) == {
        "plain": 10
    }


def test_multipliers_have_groups_of_their_own():
    rules = [bonus("x2", multiply={"by": "2"}, group="m"), bonus("x3", multiply={"by": "3"}, group="m")]
    assert granted(rated(basket(goods(1, 4500)), program(BASE, *rules))) == {"base": 45, "x3": 90}


def test_a_rule_of_a_group_that_does_not_apply_stands_in_nobody_s_way():
    rules = [bonus("a", points=90, group="g", when={"store": "str_9"}), bonus("b", points=1, group="g")]
    decision = rated(basket(goods(1, 100)), program(*rules))
    assert (granted(decision), codes(decision)) == ({"b": 1}, {"a": "other_store"})


# --- near misses of conditions ---------------------------------------------------------------------------


def test_2_10_short_of_double_points():
    double = bonus(
        "double",
        multiply={"by": "2"},
        when={"lines": {"where": DAIRY, "amount": {"at_least": 5000}}},
    )
    decision = rated(basket(goods(1, 4790, department="DAIRY")), program(BASE, double))
    assert decision.near_misses == (NearMiss("double", {"amount": 210}),)
    assert codes(decision) == {"double": "too_little_amount"}


# --- what does not go together ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        (bonus(points=1, steps=[{"from": 1, "points": 1}]), ""),
        (bonus(), ""),
        (bonus(points_per={"points": 1, "amount": 100}, scope="line"), "/scope"),
        (bonus(steps=[{"from": 200, "points": 1}, {"from": 100, "points": 2}]), "/steps"),
        (bonus(steps=[{"from": 100, "points": 1}, {"from": 100, "points": 2}]), "/steps"),
        (bonus(multiply={"by": "1"}), "/multiply/by"),
        (bonus(multiply={"by": "0.5"}), "/multiply/by"),
        (bonus(multiply={"by": "1,5"}), "/multiply/by"),
        ({**bonus(multiply={"by": "2"}), "kind": "base"}, "/kind"),
        (bonus(points=1, caps=[{"per": "day"}]), "/caps/0"),
        (bonus(points=1, caps=[{"per": "day", "points": 5, "times": 1}]), "/caps/0"),
        (bonus(points=1, caps=[{"per": "purchase", "times": 1}]), "/caps/0"),
        (bonus(points=1, group="Week"), "/group"),
    ],
)
def test_what_does_not_go_together_is_a_fault(rule, pointer):
    found = {fault.pointer: fault.code for fault in check([BASE, rule], lots=LotTerms())}
    assert found == {"/earn/rules/1" + pointer: "not_allowed"}


def test_a_group_is_of_multipliers_or_of_others():
    rules = [bonus("a", points=1, group="g"), bonus("b", multiply={"by": "2"}, group="g")]
    (fault,) = check(rules, lots=LotTerms())
    assert (fault.pointer, fault.code) == ("/earn/rules/1/group", "not_allowed")


# --- whatever the rules ----------------------------------------------------------------------------------

awards = st.one_of(
    st.fixed_dictionaries(
        {"points": st.integers(1, 99)}, optional={"scope": st.sampled_from(["line", "basket"])}
    ),
    st.just({"points_per": {"points": 3, "amount": 700}}),
    st.just({"points_per": {"points": 2, "quantity": 1, "unit": "each"}}),
    st.just({"steps": [{"from": 1000, "points": 7}, {"from": 40000, "points": 90}]}),
    st.sampled_from(["1.5", "2", "1.0001", "3.3333"]).map(lambda by: {"multiply": {"by": by}}),
)
more = st.fixed_dictionaries(
    {},
    optional={
        "where": st.sampled_from([{"department": "PRODUCE"}, {"category": "food"}]),
        "round": st.sampled_from(["down", "half_up", "up"]),
        "round_at": st.sampled_from(["line", "basket"]),
        "cap_per_purchase": st.integers(1, 40),
        "cap_effect": st.sampled_from(["reduce", "refuse"]),
        "caps": st.sampled_from([[{"per": "day", "points": 20}], [{"per": "week", "times": 1}]]),
        "budget": st.integers(1, 60),
    },
)


@st.composite
def rules(draw):
    chosen = draw(st.lists(st.tuples(awards, more), max_size=6))
    made = []
    for n, (award, others) in enumerate(chosen):
        group = draw(st.sampled_from([None, "g"]))
        named = {"group": group + ("m" if "multiply" in award else "o")} if group else {}
        made.append(bonus(f"r{n}", **award, **others, **named))
    return made


@unhurried
@given(rules(), strategies.baskets)
def test_shares_are_the_points_and_claims_are_what_was_granted(made, of):
    decision = rated(of, program(BASE, *made, exclusions=[]))
    for effect in decision.effects:
        assert sum(share for _, share in effect.shares) == effect.granted <= effect.desired
        assert all(share > 0 for _, share in effect.shares)
    points_of = {effect.rule: effect.granted for effect in decision.effects}
    for claim in decision.claims:
        rule, what = claim.key.split(":")[:2]
        assert claim.amount == (1 if what == "times" else points_of[rule]) > 0
    groups = [
        rule.get("group") for rule in made if points_of.get(rule["id"]) is not None and rule.get("group")
    ]
    assert len(groups) == len(set(groups))
