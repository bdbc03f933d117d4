"""What the gifts of a program document may say, and every mistake in them with its place."""

from __future__ import annotations

from fractions import Fraction

import pytest

from loyalty_api.rating.rules_program import check_document, compile_program

TERMS = {
    "version": "2026-11",
    "text": {"en": "One draw a day. No purchase is needed for a free draw at the desk."},
}


def document(*rules, terms=TERMS):
    gifts = {"rules": list(rules), **({"terms": terms} if terms else {})}
    return {"currency": "NOK", "time_zone": "Europe/Oslo", "gifts": gifts}


def rule(trigger, give=None, **more):
    return {"id": "gift", "trigger": trigger, "give": give or {"points": 50}, **more}


TRIGGERS = [
    {"chance": {"one_in": 50, "at_least": 500, "at_most": "1/10"}},
    {"visit": 10},
    {"visits": {"every": 10}},
    {"spent": {"every": 100_000}},
    {"spent": {"once_at": 100_000}},
    {"purchase": {}},
    {"birthday": {"days_before": 3}},
    {"anniversary": {}},
    {"silence": {"days": 60}},
    {"event": "complaint_settled"},
    {"staff": {"per_day": 3, "cost_per_day": 10_000, "per_member": 1, "reasons": ["apology"]}},
    {"list": {}},
]
GIVES = [
    {"points": 50},
    {"reward": "rwd_01m80xfza0e4trdbsjq23m1646"},
    {"product": {"sku": "4711", "text": {"en": "Chocolates"}, "quantity": 2}},
    {"product": {"text": "A flower"}},
    {"coupon": {"name": "THANKS", "uses": 2, "days": 14}},
    {"message": {"text": {"en": "Thank you", "nb": "Takk"}}},
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_every_trigger_can_be_said(trigger):
    said = document(rule(trigger, name={"en": "Gift"}, **{"from": "2026-12-01", "until": "2026-12-24"}))
    assert check_document(said) == ()
    (made,) = compile_program(said, version=1).gifts.rules
    assert trigger.keys() == {made.trigger.kind}


@pytest.mark.parametrize("give", GIVES, ids=str)
def test_every_kind_of_gift_can_be_said(give):
    assert check_document(document(rule({"purchase": {}}, give, cost=500, budget={"money": 10_000}))) == ()


def test_odds_are_exact():
    (made,) = compile_program(document(rule(TRIGGERS[0])), version=1).gifts.rules
    odds = made.trigger.odds
    assert (odds.base, odds.least, odds.most) == (Fraction(1, 50), Fraction(1, 500), Fraction(1, 10))


@pytest.mark.parametrize(
    ("faulty", "pointer", "code"),
    [
        (rule({"chance": {"one_in": 0.02}}), "/trigger/chance/one_in", "float_not_allowed"),
        (rule({"chance": {"one_in": 0}}), "/trigger/chance/one_in", "out_of_range"),
        (rule({"chance": {"one_in": "3/2"}}), "/trigger/chance/one_in", "out_of_range"),
        (rule({"chance": {"one_in": 50, "at_most": 100}}), "/trigger/chance", "not_allowed"),
        (rule({"spent": {}}), "/trigger/spent", "not_allowed"),
        (rule({"spent": {"every": 1, "once_at": 2}}), "/trigger/spent", "not_allowed"),
        (rule({"visits": {"every": 1}}), "/trigger/visits/every", "out_of_range"),
        (rule({"purchase": {}}, {"product": {}}), "/give/product", "not_allowed"),
        (rule({"list": {}}, {"free_item": {"sku": "1"}}), "/give/free_item", "not_allowed"),
        (rule({"purchase": {}}, budget={"money": 1}), "/cost", "not_allowed"),
        (rule({"purchase": {}}, budget={"money": 1, "pieces": 1}), "/budget", "not_allowed"),
        (
            rule({"purchase": {}}, {"product": {"text": "x"}}, budget={"points": 9}),
            "/budget/points",
            "not_allowed",
        ),
        (rule({"purchase": {}}, guarantee_after=9), "/guarantee_after", "not_allowed"),
        (rule({"purchase": {}}, household=True), "/household", "not_allowed"),
        (rule({"birthday": {}}, stores=["str_1"]), "/stores", "not_allowed"),
        (rule({"birthday": {}}, when={"payment": ["card"]}), "/when/payment", "not_allowed"),
        (rule({"purchase": {}}, **{"from": "2026-12-02", "until": "2026-12-01"}), "/until", "not_allowed"),
    ],
    ids=str,
)
def test_a_mistake_is_found_in_its_place(faulty, pointer, code):
    (fault, *_) = check_document(document(faulty))
    assert (fault.pointer, fault.code) == (f"/gifts/rules/0{pointer}", code)


def test_a_chance_needs_terms():
    (fault,) = check_document(document(rule({"chance": {"one_in": 50}}), terms=None))
    assert (fault.pointer, fault.code) == ("/gifts/rules/0/trigger/chance", "terms_required")


@pytest.mark.parametrize("age", [0, 121, 18.5, "18", True])
def test_the_least_age_of_the_terms_is_in_whole_years(age):
    (fault,) = check_document(document(rule({"chance": {"one_in": 50}}), terms={**TERMS, "least_age": age}))
    assert fault.pointer == "/gifts/terms/least_age"


@pytest.mark.parametrize(
    ("trigger", "age", "asks"),
    [
        ({"chance": {"one_in": 50}}, 18, {"age:18"}),
        ({"chance": {"one_in": 50}}, None, set()),
        ({"purchase": {}}, 18, set()),
    ],
)
def test_an_age_is_asked_for_only_where_a_chance_has_a_least_one(trigger, age, asks):
    made = compile_program(document(rule(trigger), terms={**TERMS, "least_age": age}), version=1)
    assert (made.gifts.asks, made.earning.asks) == (asks, asks)


def test_a_gift_has_an_id_of_its_own():
    said = document(rule({"purchase": {}}))
    said["earn"] = {"rules": [{"id": "gift", "kind": "base", "points": 1}]}
    (fault,) = check_document(said)
    assert (fault.pointer, fault.code) == ("/gifts/rules/0/id", "duplicate")
    program = compile_program(document(rule({"purchase": {}}, name={"en": "A gift"})), version=1)
    assert program.names["gift"] == {"en": "A gift"}
    assert "gift" in program.pausable
