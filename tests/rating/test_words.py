"""The answer in words: from what is stored, in the reader's language."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from loyalty_api.language import catalogue, languages
from loyalty_api.rating import words
from loyalty_api.rulekit.decision import NearMiss
from loyalty_api.rulekit.facts import NOBODY
from tests.earning.builders import BASE, basket, goods, program, rated
from tests.rating.test_rules import BONUS, programs, the_worked_example
from tests.rulekit import strategies
from tests.rulekit.strategies import unhurried

OSLO = ZoneInfo("Europe/Oslo")
NAMED = {**BONUS, "name": {"en": "Fresh bonus", "nb": "Ferskbonus"}}
LOTS = {"available": {"after_days": 14}, "expire": {"end_of_month": 12}}


def told(of, by, *, language, **how):
    return words.explain(of, rated(of, by, **how), language=language, names=by.names, zone=OSLO)


def test_the_worked_example_explains_itself_in_norwegian():
    assert told(the_worked_example(), program(BASE, NAMED, lots=LOTS), language="nb-NO") == {
        "text": "Denne handelen ga 67 poeng.",
        "steps": [
            {"label": "Betalt for varene", "value": "74,00 kr"},
            {"label": "Gir poeng", "value": "50,00 kr"},
            {"label": "Poeng", "value": "1 poeng for hver hele 1,00 kr av 50,00 kr = 50 poeng"},
            {"label": "Ferskbonus", "value": "1 poeng for hver hele 1,00 kr av 17,86 kr = 17 poeng"},
            {"label": "Poeng til sammen", "value": "67 poeng"},
            {"label": "Kan brukes fra", "value": "5.12.2026"},
            {"label": "Siste dag", "value": "30.11.2027"},
        ],
    }


def test_and_in_english_with_what_did_not_apply():
    assert told(basket(goods(1, 150)), program(BASE, NAMED), language="en") == {
        "text": "This purchase earned 1 point.",
        "steps": [
            {"label": "Paid for the goods", "value": "1.50 NOK"},
            {"label": "Points", "value": "1 point for each whole 1.00 NOK of 1.50 NOK = 1 point"},
            {"label": "Fresh bonus", "value": "No goods in the basket belong to it."},
        ],
    }


def test_a_basket_that_earned_nothing_says_why():
    assert told(basket(goods(1, 150)), program(BASE), language="en", facts=NOBODY) == {
        "text": "This purchase earned no points. No member was known for this purchase.",
        "steps": [],
    }


def test_a_minimum_and_a_cap_are_told_with_their_numbers():
    short = told(basket(goods(1, 4790)), program({**BASE, "minimum_basket": 5000}), language="en")
    assert short["steps"] == [
        {"label": "base", "value": "The basket is 2.10 NOK short of the minimum of 50.00 NOK."}
    ]
    capped = told(basket(goods(1, 6000)), program({**BASE, "cap_per_purchase": 50}), language="en")
    assert {"label": "Points", "value": "Limited to 50 points of 60 points"} in capped["steps"]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            {"points_per": {"points": 1, "amount": 2000}, "round": "up"},
            "1 point for each started 20.00 NOK of 50.00 NOK",
        ),
        (
            {"points_per": {"points": 2, "quantity": 1, "unit": "each"}},
            "2 points for each whole 1 pc. of 3 pc.",
        ),
        ({"points_per": None, "points": 1250}, "1,250 points for the basket"),
        ({"round_at": "line"}, "1 point for each whole 1.00 NOK of 50.00 NOK, rounded line by line"),
    ],
)
def test_every_kind_of_rate_has_its_words(rule, text):
    one = {name: value for name, value in {**BASE, **rule}.items() if value is not None}
    (effect,) = rated(basket(goods(1, 5000, quantity=3)), program(one)).effects
    assert words.effect_text(effect, currency="NOK", language="en") == text


def test_a_near_miss_says_how_little_was_missing():
    names = {"double_dairy": {"nb": "doble poeng", "*": "double points"}}
    miss = NearMiss("double_dairy", {"amount": 210})
    said = [
        words.near_miss_text(miss, currency="NOK", names=names, language=language)
        for language in ("nb", "tlh")
    ]
    assert said == [
        "2,10 kr til, så hadde doble poeng gitt poeng.",
        "2.10 NOK more and double points would have given points.",
    ]


@unhurried
@given(strategies.baskets, strategies.facts, programs())
def test_every_decision_can_be_told_in_every_language(of, facts, by):
    decision = rated(of, by, facts=facts)
    for language in languages():
        told = words.explain(of, decision, language=language, names=by.names, zone=OSLO)
        assert told["text"]
        entries = catalogue(language).entries["reason"]
        assert all(reason.code in entries for reason in decision.reasons)


# --- conditions, awards and groups -----------------------------------------------------------------------


def reasons_of(*rules, language, of=None):
    by = program(BASE, *rules)
    decision = rated(of or basket(goods(1, 4790, department="DAIRY")), by)
    near = [
        words.near_miss_text(miss, currency="NOK", names=by.names, language=language)
        for miss in decision.near_misses
    ]
    return [words.reason_text(r, currency="NOK", language=language) for r in decision.reasons] + near


DOUBLE = {"id": "double", "kind": "bonus", "name": {"en": "Double dairy", "nb": "Doble meieripoeng"}}
DOUBLE |= {"multiply": {"by": "2"}, "when": {"lines": {"where": {"department": "DAIRY"}}}}


def test_which_condition_failed_and_how_far_it_was_is_said():
    short = {**DOUBLE, "when": {"lines": {"where": {"department": "DAIRY"}, "amount": {"at_least": 5000}}}}
    assert reasons_of(short, language="en") == [
        "Its goods came to 47.90 NOK of the 50.00 NOK that it asks for.",
        "2.10 NOK more and Double dairy would have given points.",
    ]
    assert reasons_of(short, language="nb") == [
        "Varene kom på 47,90 kr av de 50,00 kr den krever.",
        "2,10 kr til, så hadde Doble meieripoeng gitt poeng.",
    ]


def test_every_condition_has_its_words():
    conditions = [
        {"store": "x"}, {"channel": "x"}, {"payment": "x"}, {"coupon": "x"}, {"not": {"store": "str_0412"}},
        {"lines": {"amount": {"at_most": 1}}}, {"lines": {"pieces": {"at_least": 2}}},
        {"lines": {"pieces": {"at_most": 0}}}, {"member": {"tier": "gold"}}, {"member": {"segment": "x"}},
        {"member": {"staff": True}}, {"member": {"enrolled": {"from": "2026-01-01"}}},
        {"member": {"attribute": {"language": "nb"}}},
    ]  # fmt: skip
    for language in languages():
        for when in conditions:
            told = reasons_of({**DOUBLE, "when": when}, language=language)
            assert all(" " in text and "{" not in text for text in told), (when, told)


def test_what_a_multiplier_and_a_step_did_is_said():
    steps = {"id": "big", "kind": "bonus", "name": "Big", "steps": [{"from": 4000, "points": 10}]}
    said = told(
        basket(goods(1, 4790, department="DAIRY")), program(BASE, steps, {**DOUBLE, "multiply": {"by": "1.5"}}),
        language="en",
    )  # fmt: skip
    by_label = {step["label"]: step["value"] for step in said["steps"]}
    assert by_label["Big"] == "10 points from 40.00 NOK, with 47.90 NOK = 10 points"
    assert by_label["Double dairy"] == "0.5 times 57 points on top = 28 points"
    assert by_label["Points in total"] == "85 points"


def test_of_a_group_it_is_said_what_the_other_one_gave():
    two = [{"id": f"r{n}", "kind": "bonus", "points": n, "group": "g"} for n in (3, 9)]
    assert reasons_of(*two, language="en") == [
        "Only one of these rules counts, and another one gave more: 9 points instead of 3 points."
    ]
    assert reasons_of(*two, language="nb") == [
        "Bare én av disse reglene teller, og en annen ga mer: 9 poeng i stedet for 3 poeng."
    ]
