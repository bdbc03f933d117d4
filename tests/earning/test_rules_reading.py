"""Faults in earning rules are all found, each with its place."""

from __future__ import annotations

import pytest

from loyalty_api.earning.rules import check
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.rating.rules_program import check_document, compile_program
from tests.earning.builders import BASE

LEAST = {"currency": "NOK", "time_zone": "Europe/Oslo"}


AT_ONCE = LotTerms()


def faults(*rules, lots=AT_ONCE):
    return {fault.pointer: fault.code for fault in check(rules, lots=lots)}


def changed(**changes):
    return {name: value for name, value in {**BASE, **changes}.items() if value != "left out"}


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        (changed(id="left out"), "/id", "required"),
        (changed(id="Base!"), "/id", "not_allowed"),
        (changed(kind="extra"), "/kind", "not_allowed"),
        (changed(points_per="left out"), "", "not_allowed"),
        (changed(points=5), "", "not_allowed"),
        (changed(points_per={"points": 1}), "/points_per", "not_allowed"),
        (changed(points_per={"points": 1, "amount": 100, "unit": "ml"}), "/points_per", "not_allowed"),
        (changed(points_per={"points": 1, "quantity": 100}), "/points_per", "required"),
        (changed(points_per={"points": 0, "amount": 100}), "/points_per/points", "out_of_range"),
        (changed(points_per={"points": 1, "amount": 0}), "/points_per/amount", "out_of_range"),
        (changed(where={"colour": ["red"]}), "/where/colour", "unknown_setting"),
        (changed(where={"sku": []}), "/where/sku", "out_of_range"),
        (changed(where={"category": [["food", 7]]}), "/where/category/0/1", "wrong_type"),
        (changed(when={"days": ["saturday"]}), "/when/days/0", "not_allowed"),
        (changed(when={"hours": [{"from": "25:00", "until": "26:00"}]}), "/when/hours/0/from", "not_allowed"),
        (
            changed(when={"hours": [{"from": "10:00", "until": "10:00"}]}),
            "/when/hours/0/until",
            "not_allowed",
        ),
        (changed(when={"from": "2026-02-30"}), "/when/from", "not_allowed"),
        (changed(round="nearest"), "/round", "not_allowed"),
        (changed(cap_per_purchase=0), "/cap_per_purchase", "out_of_range"),
        (changed(lots={"expire": "soon"}), "/lots/expire", "not_allowed"),
        (changed(name={"english": "Points"}), "/name/english", "not_allowed"),
        ("base", "", "wrong_type"),
    ],
)
def test_a_fault_is_found_where_it_is(rule, pointer, code):
    assert faults(BASE, rule).get("/earn/rules/1" + pointer) == code


def test_two_rules_cannot_share_an_id():
    assert faults(BASE, BASE) == {"/earn/rules/1/id": "duplicate"}


def test_a_rule_s_own_life_must_outlast_the_program_s_waiting():
    waiting = LotTerms(("after_days", 30), ("never", None))
    rule = changed(lots={"expire": {"days": 14}})
    assert faults(rule, lots=waiting) == {"/earn/rules/0/lots": "expires_before_available"}


def test_the_whole_document_is_checked_at_once():
    document = {
        **LEAST,
        "currency": "kr",
        "earn": {"tax": 7, "rules": [BASE, changed(id="second", points_per={"points": 1.5, "amount": 100})]},
    }
    assert {fault.pointer: fault.code for fault in check_document(document)} == {
        "/currency": "not_allowed",
        "/earn/tax": "not_allowed",
        "/earn/rules/1/points_per/points": "float_not_allowed",
    }


@pytest.mark.parametrize(
    "document", [None, [], {"earn": []}, {"earn": {"rules": {}}}, {"earn": {"rules": [None]}}]
)
def test_documents_of_any_shape_have_faults(document):
    assert check_document(document)


def test_a_faulty_rule_is_never_compiled():
    with pytest.raises(UnfitDocument) as refused:
        compile_program({**LEAST, "earn": {"rules": [changed(kind="extra")]}}, version=1)
    assert [fault.pointer for fault in refused.value.errors] == ["/earn/rules/0/kind"]
