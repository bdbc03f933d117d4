"""Conditions written as expressions: what they may ask, what is refused, and what fails when it is asked."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api.rulekit.expressions import LONGEST
from loyalty_api.rulekit.facts import NOBODY
from tests.earning.builders import BASE, basket, codes, goods, points, program, rated
from tests.publishing.test_lint import five, found
from tests.rulekit.test_conditions import asked, code, faults_of

MILK = (
    goods(1, 2000, quantity=2, sku="m1", brand="Tine", category=("Food", "Dairy"), tags=("eco",)),
    goods(2, 9000, sku="c1", brand="Other", category=("Food", "Meat"), department="MEAT"),
)
SHOWN = {"payments": {"card": 8000, "cash": 3000}, "coupons": ("FRESH", "FRESH")}


@pytest.mark.parametrize(
    "expression",
    [
        "amount == 11000 && pieces == 3",
        "skus['m1'] == 2000 && size(skus) == 2",
        "categories['Food'] == amount && categories['Food > Dairy'] == 2000",
        "departments['MEAT'] == 9000 && size(departments) == 1",
        "brands.exists(b, brands[b] * 2 > amount) && brands.exists_one(b, b.startsWith('T'))",
        "'eco' in tags && tags['eco'] < 2001",
        "payments['cash'] * 100 / amount == 27",
        "coupons['FRESH'] == 2 && !('OTHER' in coupons)",
        "store.endsWith('0412') && channel in ['store', 'web']",
        "day >= '2026-11-01' && weekday == 'sat'",
        "hour == 16 && minute == 6",
        "member && !staff && tier == 'gold'",
        "'garden-club' in segments",
        "size(brands) >= 2 &&\n brands.all(b, brands[b] > 0 ? true : b.contains('x'))",
    ],
)
def test_what_an_expression_may_ask(expression):
    assert asked({"cel": expression}, *MILK, **SHOWN) is None
    assert code({"cel": f"!({expression})"}, *MILK, **SHOWN) == "expression_not_met"


def test_of_nobody_there_is_nothing_to_know():
    assert asked({"cel": "!member && !staff && tier == '' && size(segments) == 0"}, facts=NOBODY) is None


def test_lines_that_do_not_count_are_not_counted():
    assert asked({"cel": "amount == 9000 && pieces == 1 && !('m1' in skus)"}, *MILK, counted=[1]) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "amount",
        "amount >",
        "amount > 'x'",
        "total > 1",
        "amount > 1.5",
        "[true, 1][0]",
        "skus == skus",
        "brands.map(b, b).size() > 1",
        "tier + tier == 'goldgold'",
        "tier.matches('g+')",
        "dyn(amount) > 'x'",
        "timestamp('2026-01-01T00:00:00Z') == timestamp('2026-01-01T00:00:00Z')",
        "(" * 200 + "true" + ")" * 200,
        "true".ljust(LONGEST + 1),
        "tier == '\ud800'",
        7,
    ],
)
def test_what_is_no_expression_is_refused_when_it_is_read(expression):
    assert list(faults_of({"any": [{"cel": expression}]})) == ["/any/0/cel"]


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=30))
def test_whatever_is_written_is_read_or_refused(written):
    assert set(faults_of({"cel": written})) <= {"/cel"}


UNDECIDED = ("brands['Nobody'] > 0", "1 / (amount - 11000) > 0", "amount + 9223372036854775807 > 0")


@pytest.mark.parametrize("expression", UNDECIDED)
def test_what_cannot_be_evaluated_is_neither_true_nor_false(expression):
    failing = {"cel": expression}
    for when in (
        failing,
        {"not": failing},
        {"not": {"any": [{"store": "str_9"}, failing]}},
        {"all": [failing]},
    ):
        assert code(when, *MILK) == "expression_failed"
    assert code({"any": [failing, {"store": "str_0412"}]}, *MILK) is None
    assert code({"not": {"store": "str_9", "all": [failing]}}, *MILK) is None


def test_loops_end():
    many = [goods(n, 1, sku=f"s{n}") for n in range(200)]
    assert asked({"cel": "skus.all(a, skus[a] == 1)"}, *many) is None
    assert code({"cel": "skus.all(a, skus.all(b, skus[a] == skus[b]))"}, *many) == "expression_failed"


def test_one_program_is_asked_by_several_threads_at_once():
    by = program(
        {"id": "even", "kind": "base", "points": 5, "when": {"cel": "amount % 2 == 0 && 'a' in brands"}}
    )
    wrong = []

    def ask(first):
        for amount in range(first, first + 2000):
            if points(basket(goods(1, amount, brand="a")), by) != (0 if amount % 2 else 5):
                wrong.append(amount)

    threads = [Thread(target=ask, args=(first,)) for first in (1000, 2001, 3000, 4001)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_rule_that_fails_gives_nothing_and_the_others_give():
    decision = rated(basket(goods(1, 1000)), program(BASE, five("failing", cel="brands['x'] > 1")))
    assert (decision.points(), codes(decision)["failing"]) == (10, "expression_failed")


def test_an_event_beside_buying_knows_no_basket_to_ask_about():
    event = {"id": "survey", "event": "survey", "points": 5, "when": {"cel": "amount > 1"}}
    with pytest.raises(Exception) as refused:
        program(BASE, earn={"events": [event]})
    assert [fault.pointer for fault in refused.value.errors] == ["/earn/events/0/when/cel"]


def test_lint_tries_what_it_cannot_read():
    assert "not_seen_to_fire" in found(BASE, five("odd", cel="amount == 123457 && tier == 'x'"))
    assert not {"never_fires", "not_seen_to_fire"} & found(BASE, five("any", cel="amount > 1")).keys()
