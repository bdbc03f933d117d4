"""Caps of a day and of longer periods, times, and budgets: what was given before comes in, what is given goes out."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rulekit.facts import Facts, Member, Needs
from tests.earning.builders import BASE, SATURDAY_AFTERNOON, basket, goods, program, rated
from tests.rulekit.strategies import unhurried

MEMBER = Member()


def capped(*caps, **more):
    return {"id": "bonus", "kind": "bonus", "points": 40, "caps": list(caps), **more}


def outcome(rule, facts, at=SATURDAY_AFTERNOON):
    decision = rated(basket(goods(1, 100)), program(rule), facts=facts, at=at)
    (effect,) = decision.effects
    reasons = [(reason.code, dict(reason.numbers)) for reason in decision.reasons]
    claims = [(claim.kind, claim.key, claim.amount) for claim in decision.claims]
    return effect.granted, reasons, claims


@pytest.mark.parametrize(
    ("per", "period"),
    [
        ("day", "2026-11-21"),
        ("week", "2026-W47"),
        ("month", "2026-11"),
        ("year", "2026"),
        ("program", "always"),
    ],
)
def test_a_cap_of_a_period_gives_what_is_left_of_it(per, period):
    rule, key = capped({"per": per, "points": 100}), f"bonus:points:{period}"
    assert outcome(rule, Facts(MEMBER)) == (40, [], [("counter", key, 40)])
    numbers = {"cap": 100, "desired": 40, "granted": 10}
    assert outcome(rule, Facts(MEMBER, {key: 90})) == (
        10,
        [(f"capped_{per}", numbers)],
        [("counter", key, 10)],
    )
    assert outcome(rule, Facts(MEMBER, {key: 100}))[0] == 0
    assert outcome(rule, Facts(MEMBER, {key: 130}))[0] == 0


def test_a_cap_may_refuse_and_then_nothing_is_counted():
    rule = capped({"per": "day", "points": 100, "effect": "refuse"})
    granted, ((code, _),), claims = outcome(rule, Facts(MEMBER, {"bonus:points:2026-11-21": 61}))
    assert (granted, code, claims) == (0, "capped_day", [])


def test_the_program_says_what_caps_do_unless_they_say_it_themselves():
    caps = [{"per": "day", "points": 30}, {"per": "month", "points": 20, "effect": "reduce"}]
    refusing = program(capped(*caps), earn={"cap_effect": "refuse"})
    decision = evaluate(basket(goods(1, 100)), Facts(MEMBER), refusing, SATURDAY_AFTERNOON)
    assert decision.points() == 0


def test_so_many_times_and_no_more():
    rule = capped({"per": "program", "times": 2})
    assert outcome(rule, Facts(MEMBER, {"bonus:times:always": 1})) == (
        40,
        [],
        [("counter", "bonus:times:always", 1)],
    )
    granted, ((code, _),), claims = outcome(rule, Facts(MEMBER, {"bonus:times:always": 2}))
    assert (granted, code, claims) == (0, "capped_times", [])


def test_the_tightest_of_several_caps_decides_and_all_of_them_count():
    rule = capped({"per": "day", "points": 30}, {"per": "week", "points": 25}, {"per": "week", "times": 9})
    granted, ((code, _),), claims = outcome(rule, Facts(MEMBER))
    assert (granted, code) == (25, "capped_week")
    assert claims == [
        ("counter", "bonus:points:2026-11-21", 25),
        ("counter", "bonus:points:2026-W47", 25),
        ("counter", "bonus:times:2026-W47", 1),
    ]


@pytest.mark.parametrize(
    ("at", "day"),
    [("2026-11-21T22:59:59+00:00", "2026-11-21"), ("2026-11-21T23:00:00+00:00", "2026-11-22")],
)
def test_a_day_is_one_of_the_program_s(at, day):
    _, _, ((_, key, _),) = outcome(
        capped({"per": "day", "points": 100}), Facts(MEMBER), datetime.fromisoformat(at)
    )
    assert key == f"bonus:points:{day}"


def test_a_budget_is_for_all_members_together():
    rule = capped(budget=100)
    assert outcome(rule, Facts(MEMBER, {}, {"bonus:budget": 100})) == (
        40,
        [],
        [("limit", "bonus:budget", 40)],
    )
    numbers = {"cap": 100, "desired": 40, "granted": 15}
    assert outcome(rule, Facts(MEMBER, {}, {"bonus:budget": 15})) == (
        15,
        [("budget_exhausted", numbers)],
        [("limit", "bonus:budget", 15)],
    )
    assert outcome(rule, Facts(MEMBER, {}, {"bonus:budget": 0}))[0] == 0


def test_a_rule_that_its_group_passes_over_counts_nothing():
    one = capped({"per": "day", "points": 100}, group="g")
    two = {"id": "more", "kind": "bonus", "points": 90, "group": "g"}
    assert rated(basket(goods(1, 100)), program(one, two)).claims == ()


def test_a_program_names_what_it_needs_to_know_and_nothing_where_nothing_is_counted():
    assert program(BASE, capped(cap_per_purchase=5)).needs(SATURDAY_AFTERNOON) == Needs()
    counting = program(BASE, capped({"per": "day", "points": 5}, {"per": "day", "times": 5}, budget=9))
    assert counting.needs(SATURDAY_AFTERNOON) == Needs(
        frozenset({"bonus:points:2026-11-21", "bonus:times:2026-11-21"}), frozenset({"bonus:budget"})
    )
    assert counting.budgets(SATURDAY_AFTERNOON) == {"bonus:budget": 9}


@unhurried
@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 20)), max_size=25),
    st.integers(1, 200),
    st.integers(1, 300),
    st.integers(1, 500),
    st.sampled_from(["reduce", "refuse"]),
)
def test_advancing_never_lets_a_cap_or_a_budget_be_passed(bought, per_day, per_week, budget, effect):
    rule = {
        "id": "r", "kind": "base", "points_per": {"points": 1, "amount": 100}, "budget": budget, "cap_effect": effect,
        "caps": [{"per": "day", "points": per_day}, {"per": "week", "points": per_week}, {"per": "year", "times": 9}],
    }  # fmt: skip
    made, facts = program(rule), Facts(MEMBER, {}, {"r:budget": budget})
    by_day, by_week, total, times = {}, {}, 0, 0
    for amount, days in bought:
        at = SATURDAY_AFTERNOON.replace(day=1 + days)
        of = basket(goods(1, amount))
        decision = evaluate(of, facts, made, at)
        facts = advance(facts, of, decision)
        points, week = decision.points(), at.isocalendar().week
        by_day[days] = by_day.get(days, 0) + points
        by_week[week] = by_week.get(week, 0) + points
        total, times = total + points, times + (points > 0)
    assert max(by_day.values(), default=0) <= per_day
    assert max(by_week.values(), default=0) <= per_week
    assert total <= budget
    assert times <= 9
    assert facts.limits["r:budget"] == budget - total
