"""Which gifts a purchase brings: the same inputs, the same gifts, with chance as one of the inputs."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_counted import counted
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Claim
from loyalty_api.rulekit.facts import Chance, Facts, Member
from tests.gifts.test_reading import TERMS
from tests.rulekit.strategies import unhurried

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ANNA = Facts(Member())
CHANCE = {"chance": {"one_in": 50}}


def program(*rules, **more):
    gifts = {"rules": list(rules), "terms": TERMS}
    return compile_program({"currency": "NOK", "time_zone": "UTC", "gifts": gifts, **more}, version=1)


def rule(trigger, give=None, **more):
    return {"id": "gift", "trigger": trigger, "give": give or {"points": 50}, **more}


def basket(*lines, **more):
    return Basket("str_1", "NOK", lines or (Line("1", 10_000, "chair"),), **more)


def decide(rules, bought=None, facts=ANNA, at=NOON):
    return evaluate(bought or basket(), facts, rules, at)


def codes(decision):
    return [reason.code for reason in decision.reasons]


def test_a_purchase_brings_what_goes_with_it():
    rules = program(
        rule(
            {"purchase": {}}, {"free_item": {"sku": "cushion"}}, when={"lines": {"where": {"sku": ["chair"]}}}
        )
    )
    (cushion,) = decide(rules, basket(Line("1", 10_000, "chair"), Line("2", 900, "cushion"))).gifts
    assert (cushion.rule, cushion.kind, cushion.trigger, cushion.lines) == (
        "gift",
        "free_item",
        "purchase",
        ("2",),
    )
    assert codes(decide(rules, basket(Line("1", 900, "tea")))) == ["too_little_pieces"]


def test_a_draw_wins_below_and_is_claimed_either_way():
    rules = program(rule(CHANCE))
    won = decide(rules, facts=Facts(Member(), chances={"gift": Chance(19, 20, 3)}))
    lost = decide(rules, facts=Facts(Member(), chances={"gift": Chance(20, 20, 3)}))
    assert won.gifts[0].numbers == {"ticket": 19, "below": 20, "row": 3}
    assert (lost.gifts, codes(lost)) == ((), ["not_drawn"])
    assert won.claims == lost.claims == (Claim("draw", "gift", 3),)


def test_without_a_draw_nothing_is_drawn():
    quoted = decide(program(rule(CHANCE)))
    assert (quoted.gifts, quoted.claims, codes(quoted)) == ((), (), ["no_draw"])


def test_who_is_not_of_the_age_of_the_terms_takes_part_in_no_chance():
    every = [rule(CHANCE), {"id": "rose", "trigger": {"purchase": {}}, "give": {"points": 5}}]
    gifts = {"rules": every, "terms": {**TERMS, "least_age": 18}}
    rules = compile_program({"currency": "NOK", "time_zone": "UTC", "gifts": gifts}, version=1)

    def of(**attributes):
        facts = Facts(Member(attributes=attributes), chances={"gift": Chance(19, 20, 3)})
        decided = decide(rules, facts=facts)
        return [gift.rule for gift in decided.gifts], decided.reasons, decided.claims

    given, reasons, claims = of(**{"age:18": False})
    assert (given, claims) == (["rose"], ())
    assert [(one.code, one.numbers) for one in reasons] == [("too_young", {"least": 18})]
    given, reasons, claims = of(**{"age:21": True})
    assert (given, claims, [one.code for one in reasons]) == (["rose"], (), ["age_unknown"])
    assert of(**{"age:18": True}) == (["gift", "rose"], (), (Claim("draw", "gift", 3),))


def test_nothing_is_drawn_for_nothing():
    facts = Facts(Member(), limits={"gift:stock": 0}, chances={"gift": Chance(1, 20, 0)})
    decided = decide(program(rule(CHANCE, stock=5)), facts=facts)
    assert (decided.gifts, decided.claims, codes(decided)) == ((), (), ["gifts_used_up"])


def test_staff_and_those_who_may_only_earn_get_none():
    rules = program(rule({"purchase": {}}), purchases={"earning_kinds": ["sale", "staff"]})
    assert decide(rules).gifts
    assert not decide(rules, facts=Facts(Member(staff=True))).gifts
    assert not decide(rules, basket(kind="staff")).gifts
    assert not decide(rules, facts=Facts(Member("earn_only"))).gifts
    assert not decide(rules, facts=Facts()).gifts


def test_whoever_wants_no_gifts_gets_none_and_counts_towards_a_level_all_the_same():
    wants_none = Facts(Member(no_gifts=True))
    decision = decide(program(rule({"purchase": {}})), facts=wants_none)
    assert (decision.gifts, [(reason.rule, reason.code) for reason in decision.reasons]) == (
        (),
        [("gift", "opted_out")],
    )
    assert counted(decision, basket().lines).spend == 10_000


def test_alcohol_and_tobacco_bring_no_gift_and_are_none():
    rules = program(rule({"spent": {"every": 1000}}))
    assert codes(decide(rules, basket(Line("1", 5000, legal_class="alcohol")))) == ["not_a_gift"]
    mixed = decide(rules, basket(Line("1", 5000, legal_class="tobacco"), Line("2", 400, "tea")))
    assert Claim("counter", "gift:spent:always", 400) in mixed.claims
    withheld = Facts(Member(), withheld=("gift",))
    assert codes(decide(program(rule({"purchase": {}})), facts=withheld)) == ["not_a_gift"]


def test_a_window_and_stores_hold_for_gifts():
    assert codes(decide(program(rule({"purchase": {}}, until="2026-11-30")))) == ["outside_window"]
    assert codes(decide(program(rule({"purchase": {}}, stores=["str_2"])))) == ["other_store"]


def test_a_cap_holds_for_one_member_and_a_budget_for_all():
    rules = program(
        rule({"purchase": {}}, cost=300, caps=[{"times": 1, "per": "day"}], budget={"money": 1000})
    )
    first = decide(rules, facts=Facts(Member(), limits={"gift:budget:always": 300}))
    assert set(first.claims) == {
        Claim("counter", "gift:times:2026-12-01", 1),
        Claim("limit", "gift:budget:always", 300),
    }
    again = Facts(Member(), counters={"gift:times:2026-12-01": 1}, limits={"gift:budget:always": 1000})
    assert codes(decide(rules, facts=again)) == ["gift_had"]
    assert codes(decide(rules, facts=Facts(Member(), limits={"gift:budget:always": 299}))) == [
        "gifts_used_up"
    ]


def fold(rules, baskets):
    """How many gifts a member has after each purchase, when every purchase goes on from the one before."""
    facts, had, found = ANNA, 0, []
    for bought in baskets:
        decided = decide(rules, bought, facts)
        facts = advance(facts, bought, decided)
        had += len(decided.gifts)
        found.append(had)
    return found


def test_every_third_visit_and_the_second_one():
    baskets = [basket()] * 7
    assert fold(program(rule({"visits": {"every": 3}})), baskets) == [0, 0, 1, 1, 1, 2, 2]
    assert fold(program(rule({"visit": 2})), baskets) == [0, 1, 1, 1, 1, 1, 1]


@unhurried
@given(st.lists(st.integers(1, 5000), max_size=30), st.integers(1, 8000))
def test_milestones_of_spending_never_give_more_than_was_spent_for(amounts, every):
    baskets = [basket(Line("1", amount)) for amount in amounts]
    spent = [sum(amounts[: n + 1]) for n in range(len(amounts))]
    had = fold(program(rule({"spent": {"every": every}})), baskets)
    assert all(count <= total // every for count, total in zip(had, spent, strict=True))
    once = fold(program(rule({"spent": {"once_at": every}})), baskets)
    assert once == [int(total >= every) for total in spent]
