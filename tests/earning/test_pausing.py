"""Rules that are paused: what is left, and that a pause only ever takes away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.program.rules_pauses import Pauses, Span
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import without
from loyalty_api.rulekit.facts import Facts, Member
from tests.earning.builders import BASE, SATURDAY_AFTERNOON, basket, codes, goods, points, program, rated
from tests.rulekit.strategies import unhurried

DAIRY = {"department": ["DAIRY"]}
EXTRA = {"id": "extra", "kind": "bonus", "points": 50}
DOUBLE = {"id": "double", "kind": "bonus", "multiply": {"by": "2"}}
LEVELS = {"levels": [{"id": "gold", "threshold": 0, "benefits": {"multiplier": {"points": 3, "per": 2}}}]}
GOLD = Facts(Member(tier="gold"))


def paused(by, *rules):
    return without(by, frozenset(rules))


def granted(decision):
    return {effect.rule: effect.granted for effect in decision.effects}


def test_a_paused_rule_gives_nothing_and_says_only_that_it_is_paused():
    decision = rated(basket(goods(1, 4500)), paused(program(BASE, EXTRA, DOUBLE), "extra"))
    assert granted(decision) == {"base": 45, "double": 45}
    assert codes(decision) == {"extra": "paused"}


def test_a_paused_multiplier_and_a_paused_base():
    both = program(BASE, EXTRA, DOUBLE)
    assert granted(rated(basket(goods(1, 4500)), paused(both, "double"))) == {"base": 45, "extra": 50}
    assert granted(rated(basket(goods(1, 4500)), paused(both, "base"))) == {"extra": 50, "double": 50}


def test_what_a_paused_rule_has_outdone_does_not_come_back():
    group = program({**EXTRA, "group": "g"}, {**EXTRA, "id": "less", "points": 40, "group": "g"})
    decision = rated(basket(goods(1, 4500)), paused(group, "extra"))
    assert decision.effects == ()
    assert codes(decision) == {"extra": "paused", "less": "paused_in_group"}
    assert granted(rated(basket(goods(1, 4500)), paused(group, "less"))) == {"extra": 50}


def test_a_limit_that_refuses_does_not_open_because_something_is_paused():
    refused = {**DOUBLE, "multiply": {"by": "10"}, "cap_per_purchase": 500, "cap_effect": "refuse"}
    both = program(BASE, EXTRA, refused)
    assert granted(rated(basket(goods(1, 4500)), both)) == {"base": 45, "extra": 50, "double": 0}
    assert granted(rated(basket(goods(1, 4500)), paused(both, "extra"))) == {"base": 45, "double": 0}


def test_a_level_can_be_paused_by_the_name_that_its_points_go_by():
    levels = program(BASE, tiers=LEVELS)
    assert granted(rated(basket(goods(1, 1000)), levels, facts=GOLD)) == {"base": 10, "tier:gold": 5}
    decision = rated(basket(goods(1, 1000)), paused(levels, "tier:gold"), facts=GOLD)
    assert (granted(decision), codes(decision)) == ({"base": 10}, {"tier:gold": "paused"})


def test_near_misses_of_a_paused_rule_are_not_told():
    near = {**EXTRA, "minimum_basket": 5000}
    assert rated(basket(goods(1, 4500)), paused(program(BASE, near), "extra")).near_misses == ()


def test_a_pause_that_is_over_holds_for_the_time_in_which_it_lasted():
    begin = datetime(2026, 11, 21, 12, tzinfo=UTC)
    pauses = Pauses((Span(1, "a", begin, begin + timedelta(hours=2)), Span(2, "b", begin, None)))
    hours = {h: pauses.rules(pauses.at(begin + timedelta(hours=h))) for h in (-1, 0, 1, 2)}
    assert hours == {-1: frozenset(), 0: {"a", "b"}, 1: {"a", "b"}, 2: {"b"}}


IDS = ("a", "b", "c", "d", "e", "f")


@st.composite
def rules(draw):
    """Up to six rules that touch each other: groups over kinds and lines, multipliers, caps that refuse."""
    made = []
    for name in IDS[: draw(st.integers(2, 6))]:
        multiplier = draw(st.integers(0, 2)) == 0
        rule = {"id": name, "kind": "bonus" if multiplier else draw(st.sampled_from(["base", "bonus"]))}
        award = draw(
            st.sampled_from([{"points": 90}, {"points": 100}, {"points_per": {"points": 3, "amount": 70}}])
        )
        factor = {
            "by": draw(st.sampled_from(["1.5", "2", "10"])),
            "of": draw(st.sampled_from(["all", "base"])),
        }
        rule |= {"multiply": factor} if multiplier else award
        rule["round"] = draw(st.sampled_from(["down", "half_up", "up"]))
        rule["round_at"] = draw(st.sampled_from(["line", "basket"]))
        if draw(st.booleans()):
            rule["where"] = draw(st.sampled_from([DAIRY, {"department": ["TEA"]}]))
        if draw(st.booleans()):
            rule["group"] = "m" if multiplier else "g"
        if draw(st.booleans()):
            rule["cap_per_purchase"] = draw(st.sampled_from([50, 95, 500]))
            rule["cap_effect"] = draw(st.sampled_from(["reduce", "refuse"]))
        made.append(rule)
    return made


line = st.builds(
    lambda amount, department: (amount, department),
    st.integers(-500, 5000),
    st.sampled_from(["DAIRY", "TEA", None]),
)


@unhurried
@given(
    rules(), st.lists(line, min_size=1, max_size=4), st.sets(st.sampled_from([*IDS, "tier:gold"])), st.data()
)
def test_pausing_one_more_rule_never_raises_the_points_of_a_basket(made, lines, already, data):
    whole = program(*made, tiers=LEVELS)
    sold = basket(*[goods(n, amount, department=department) for n, (amount, department) in enumerate(lines)])
    one_more = data.draw(st.sampled_from([*[rule["id"] for rule in made], "tier:gold"]))
    before = evaluate(sold, GOLD, paused(whole, *already), SATURDAY_AFTERNOON)
    after = evaluate(sold, GOLD, paused(whole, *already, one_more), SATURDAY_AFTERNOON)
    assert after.points() <= before.points()
    gave = granted(before)
    assert all(points <= gave.get(rule, 0) for rule, points in granted(after).items())
    assert one_more not in granted(after)
    assert points(sold, paused(whole), facts=GOLD) == points(sold, whole, facts=GOLD)
