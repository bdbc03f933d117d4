"""Where promotions end, by the rules alone: budgets, limits of a member, rest, and the ceiling of all together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.errors import Fault
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_limits import covered, limits_on
from loyalty_api.rating.rules_program import Program, check_document
from loyalty_api.rating.rules_returns import ALL, Progress, taken_back
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Claim, Decision, Discount
from loyalty_api.rulekit.facts import NOBODY, Facts
from tests.earning.builders import MEMBER, SATURDAY_AFTERNOON, basket, goods
from tests.promotions.builders import item, offering, priced, wants

TEN: dict[str, Any] = {"id": "ten", "benefit": {"percent": {"off": "10", "on": "basket"}}}
MILK = item(1, 2000, "milk")
DAY, MONTH, YEAR = "2026-11-21", "2026-11", "2026"


def known(**more: Any) -> Facts:
    return replace(MEMBER, **more)


def said(by: Program, facts: Facts) -> tuple[int, list[tuple[str, str, dict[str, int]]]]:
    """What is taken off the milk, and the reasons."""
    found = priced(wants(MILK), by, facts)
    taken = sum(one.granted for one in found.discounts)
    return taken, [(one.outcome, one.code, dict(one.numbers)) for one in found.reasons]


def test_a_budget_is_given_to_the_last_cent_and_no_further() -> None:
    by = offering({**TEN, "budget": {"amount": 500}})
    needs, budgets = limits_on(by, SATURDAY_AFTERNOON, "str_1")
    assert (needs.limits, needs.counters, budgets) == (
        {"ten:off:always"},
        frozenset(),
        {"ten:off:always": 500},
    )
    assert said(by, known()) == (200, [])
    assert said(by, known(limits={"ten:off:always": 150})) == (
        150, [("capped", "budget_used_up", {"desired": 200, "granted": 150})],
    )  # fmt: skip
    assert said(by, known(limits={"ten:off:always": 0})) == (
        0, [("not_applicable", "budget_used_up", {"amount": 500})],
    )  # fmt: skip


def test_a_budget_may_be_of_times_of_a_period_and_of_each_store() -> None:
    by = offering({**TEN, "budget": {"times": 3, "amount": 900, "per": "day", "by_store": True}})
    assert limits_on(by, SATURDAY_AFTERNOON, "str_9")[1] == {f"ten:off:{DAY}:9": 900, f"ten:use:{DAY}:9": 3}
    store = wants(MILK).store.removeprefix("str_")
    assert said(by, known(limits={f"ten:use:{DAY}:{store}": 0}))[1] == [
        ("not_applicable", "budget_used_up", {"times": 3})
    ]


def test_a_member_has_limits_and_nobody_has_what_is_for_members() -> None:
    by = offering({**TEN, "limits": [{"per": "day", "times": 1}, {"per": "month", "amount": 250}]})
    assert limits_on(by, SATURDAY_AFTERNOON, "str_1")[0].counters == {f"ten:use:{DAY}", f"ten:off:{MONTH}"}
    assert said(by, known(counters={f"ten:use:{DAY}": 1})) == (
        0, [("not_applicable", "limit_reached", {"times": 1})],
    )  # fmt: skip
    assert said(by, known(counters={f"ten:off:{MONTH}": 200})) == (
        50, [("capped", "limit_reached", {"desired": 200, "granted": 50})],
    )  # fmt: skip
    assert said(by, NOBODY) == (0, [("not_applicable", "no_member", {})])


def test_it_rests_for_days_after_a_use() -> None:
    by = offering({**TEN, "cooldown_days": 7})
    assert len(limits_on(by, SATURDAY_AFTERNOON, "str_1")[0].counters) == 7
    assert said(by, known(counters={"ten:use:2026-11-15": 1})) == (
        0, [("not_applicable", "resting", {"days": 7})],
    )  # fmt: skip
    assert said(by, known(counters={"ten:use:2026-11-14": 1}))[0] == 200


def test_a_ceiling_holds_for_all_promotions_of_a_member_together() -> None:
    by = offering(TEN, {**TEN, "id": "two"}, discounts={"member_ceiling": {"amount": 1000}})
    assert limits_on(by, SATURDAY_AFTERNOON, "str_1")[0].counters == {f"*:off:{YEAR}"}
    found = priced(wants(MILK), by, known(counters={f"*:off:{YEAR}": 750}))
    assert [(one.rule, one.granted) for one in found.discounts] == [("ten", 200), ("two", 50)]
    assert [(one.rule, one.code) for one in found.reasons] == [("two", "ceiling_reached")]
    assert sum(one.granted for one in priced(wants(MILK), by, NOBODY).discounts) == 380


def test_what_ended_wins_no_group_and_keeps_no_other_out() -> None:
    best = {
        "id": "best",
        "group": "g",
        "benefit": {"percent": {"off": "50", "on": "lines"}},
        "budget": {"times": 1},
    }
    by = offering(best, {"id": "good", "group": "g", "benefit": {"percent": {"off": "10", "on": "lines"}}})
    found = priced(wants(MILK), by, known(limits={"best:use:always": 0}))
    assert [(one.rule, one.granted) for one in found.discounts] == [("good", 200)]


def charged(by: Program, facts: Facts, *given: int, rule: str = "ten") -> Any:
    discounts = [Discount(rule, "basket", "percent", amount, amount, (("1", amount),)) for amount in given]
    return covered(discounts, basket(goods(1, 2000)), facts, by, SATURDAY_AFTERNOON)


def test_what_the_till_gave_takes_what_is_left_and_the_rest_is_said() -> None:
    by = offering({**TEN, "budget": {"amount": 500, "times": 9}})
    assert charged(by, NOBODY, 200).claims == (
        Claim("limit", "ten:off:always", 200), Claim("limit", "ten:use:always", 1),
    )  # fmt: skip
    found = charged(by, replace(NOBODY, limits={"ten:off:always": 150}), 200)
    assert (found.claims[0].amount, found.short) == (150, {"ten": 50})
    empty = charged(by, replace(NOBODY, limits={"ten:use:always": 0}), 200)
    assert (empty.claims, empty.short) == ((), {"ten": 200})
    assert charged(by, NOBODY, 0).claims == ()


def test_a_member_counts_in_full_what_was_given() -> None:
    limits = {"limits": [{"per": "day", "times": 1}], "cooldown_days": 2}
    by = offering({**TEN, **limits}, discounts={"member_ceiling": {"amount": 300, "per": "month"}})
    found = charged(by, known(), 200)
    assert set(found.claims) == {
        Claim("counter", f"ten:use:{DAY}", 1),
        Claim("counter", f"*:off:{MONTH}", 200),
    }
    assert found.beyond == []
    assert charged(by, known(counters={f"ten:use:{DAY}": 1}), 200).beyond == ["ten"]
    assert charged(by, known(counters={f"*:off:{MONTH}": 200}), 200).beyond == ["ten"]
    assert charged(by, known(counters={f"*:off:{MONTH}": 200}), 200, rule="unknown").beyond == ["unknown"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 40), st.integers(1, 7))
def test_what_comes_back_gives_back_its_share_and_in_the_end_all_of_it(
    parts: list[int], share: int, amount: int
) -> None:
    shares = (("1", 10), ("2", share))
    taken = (Claim("limit", "ten:off:always", amount), Claim("limit", "ten:use:always", 1))
    given_off = Discount("ten", "basket", "percent", 10 + share, 10 + share, shares)
    decision = Decision(1, SATURDAY_AFTERNOON, discounts=(given_off,), taken=taken)
    back, before = 0, dict[str, Progress]()
    whole = sum(parts)
    for n, part in enumerate(parts, 1):
        done = before.get("1", Progress()).part + ALL * part / whole
        after = {line: Progress(n, done) for line in ("1", "2")}
        claims = taken_back(decision, before, after, whole=n == len(parts))
        assert all(claim.amount > 0 for claim in claims)
        back += sum(claim.amount for claim in claims if claim.key == "ten:off:always")
        assert ("ten:use:always" in [claim.key for claim in claims]) == (n == len(parts))
        before = after
    assert back == amount


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=12), st.integers(1, 900), st.integers(1, 6))
def test_whatever_is_bought_no_more_is_taken_off_than_there_was(
    amounts: list[int], money: int, times: int
) -> None:
    by = offering(
        {**TEN, "budget": {"amount": money, "times": times}, "limits": [{"per": "year", "amount": 700}]}
    )
    facts = known(limits={"ten:off:always": money, "ten:use:always": times})
    off = used = 0
    for amount in amounts:
        bought: Basket = wants(item(1, amount, "milk"))
        decision = evaluate(bought, facts, by, SATURDAY_AFTERNOON)
        found = covered(decision.discounts, bought, facts, by, SATURDAY_AFTERNOON)
        assert not found.short
        assert not found.beyond
        facts = advance(facts, bought, replace(decision, taken=found.claims))
        off += sum(one.granted for one in decision.discounts)
        used += bool(decision.discounts)
    assert off <= min(money, 700)
    assert used <= times
    assert min(facts.limits.values()) >= 0


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"budget": {}}, Fault("/promotions/0/budget", "not_allowed", "Say an amount, how many times, or both.")),
        ({"limits": [{"per": "day"}]},
         Fault("/promotions/0/limits/0", "not_allowed", "Say exactly one of amount and times.")),
        ({"budget": {"amount": 1, "per": "fortnight"}}, None),
        ({"limits": [{"times": 1}]}, None),
        ({"cooldown_days": 367}, None),
    ],
)  # fmt: skip
def test_an_end_that_makes_no_sense_is_refused(more: dict[str, Any], fault: Fault | None) -> None:
    faults = check_document({"currency": "NOK", "time_zone": "Europe/Oslo", "promotions": [{**TEN, **more}]})
    assert faults
    assert fault is None or faults == (fault,)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"budget": {"amount": 500, "times": 3}}, "budget/amount"),
        ({"limits": [{"per": "day", "times": 1}, {"per": "year", "amount": 500}]}, "limits/1/amount"),
        ({"budget": {}}, "budget"),
    ],
)
def test_a_coupon_for_another_purchase_has_no_money_to_end_with(more: dict[str, Any], place: str) -> None:
    later = {"id": "later", "benefit": {"coupon": {"name": "LATER", "valid_days": 3}}, **more}
    faults = check_document({"currency": "NOK", "time_zone": "Europe/Oslo", "promotions": [later]})
    assert [(fault.pointer, fault.code) for fault in faults] == [(f"/promotions/0/{place}", "not_allowed")]


def test_a_program_whose_promotions_do_not_end_asks_for_nothing() -> None:
    by = offering(TEN)
    assert not by.limited
    assert not any(limits_on(by, SATURDAY_AFTERNOON, "str_1"))
