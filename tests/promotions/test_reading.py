"""A document with faults: every one of them at once, each with its place."""

from __future__ import annotations

import pytest

from loyalty_api.rating.rules_program import check_document, compile_program

TEN = {"percent": {"off": "10", "on": "basket"}}


def faults(*promotions):
    document = {"currency": "NOK", "time_zone": "Europe/Oslo", "promotions": list(promotions)}
    return {(fault.pointer, fault.code) for fault in check_document(document)}


def test_every_fault_is_found_at_once():
    assert faults({"id": "A"}, {"id": "b", "benefit": {"percent": {"off": 10, "on": "shelf"}}}, 7) == {
        ("/promotions/0/id", "not_allowed"),
        ("/promotions/0/benefit", "required"),
        ("/promotions/1/benefit/percent/off", "wrong_type"),
        ("/promotions/1/benefit/percent/on", "not_allowed"),
        ("/promotions/2", "wrong_type"),
    }


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"benefit": {"percent": {"off": "0", "on": "lines"}}}, "benefit/percent/off"),
        ({"benefit": {"percent": {"off": "100.5", "on": "lines"}}}, "benefit/percent/off"),
        ({"benefit": {"price": {"is": 5, "on": "lines"}}}, "benefit/price/on"),
        ({"benefit": {"several": {"quantity": 3, "price": 5}}, "lane": "basket"}, "lane"),
        ({"benefit": TEN, "caps": {"applications": 2}}, "caps/applications"),
        ({"benefit": TEN, "units": "consumed"}, "units"),
        ({"benefit": {"percent": {"off": "1", "on": {"of_each": {"units": 2}}}}}, "benefit/percent/on/of_each"),
        ({"benefit": {"percent": {"off": "1", "on": {"of_each": {"units": 2, "dearest": 3}}}}},
         "benefit/percent/on/of_each"),
        ({"benefit": {"steps": [{"from": 2, "off": {"amount": 1}}, {"from": 1, "off": {"amount": 1}}]}},
         "benefit/steps"),
        ({"benefit": {"bundle": {"items": [{"where": {}}, {"where": {"sku": ["a"]}}], "off": {"price": 1}}}},
         "benefit/bundle/items/0/where"),
        ({"benefit": TEN, "not_with": ["nobody"]}, "not_with/0"),
        ({"benefit": TEN, "when": {"days": ["someday"]}}, "when/days/0"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(said, pointer):
    assert {place for place, _ in faults({"id": "a", **said})} == {f"/promotions/0/{pointer}"}


def test_ids_stand_once_among_all_rules_and_groups_lie_in_one_lane():
    line = {"percent": {"off": "10", "on": "lines"}}
    assert faults({"id": "a", "benefit": TEN}, {"id": "a", "benefit": TEN}) == {
        ("/promotions/1/id", "duplicate")
    }
    assert faults({"id": "a", "group": "g", "benefit": TEN}, {"id": "b", "group": "g", "benefit": line}) == {
        ("/promotions/1/group", "not_allowed")
    }
    document = {
        "currency": "NOK", "time_zone": "Europe/Oslo", "promotions": [{"id": "base", "benefit": TEN}],
        "earn": {"rules": [{"id": "base", "kind": "base", "points": 1}]},
    }  # fmt: skip
    assert [fault.pointer for fault in check_document(document)] == ["/promotions/0/id"]


def test_what_only_promotions_ask_about_the_member_is_loaded_too():
    when = {"member": {"first_in_category": ["Tea"], "enrolled": {"from": "2026-01-01"}}}
    document = {
        "currency": "NOK", "time_zone": "Europe/Oslo", "promotions": [{"id": "a", "benefit": TEN, "when": when}],
    }  # fmt: skip
    program = compile_program(document, version=1)
    assert "enrolled" in program.earning.asks
    assert program.earning.past
    assert not program.plain
    assert program.names == {"a": {}}
