"""The program document: one form, every fault at once, settings with their defaults."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.program.rules import check, settings
from loyalty_api.program.rules_document import UnfitDocument, canonical, fingerprint
from loyalty_api.program.rules_lots import LotTerms
from tests.rulekit.strategies import unhurried

LEAST = {"currency": "NOK", "time_zone": "Europe/Oslo"}


def faults(**sections):
    return {fault.pointer: fault.code for fault in check({**LEAST, **sections})}


# --- one form --------------------------------------------------------------------------------------------


def test_equal_documents_have_equal_bytes_whatever_their_order():
    one = {"time_zone": "Europe/Oslo", "currency": "NOK", "purchases": {"late_days": 3}}
    other = {"purchases": {"late_days": 3}, "currency": "NOK", "time_zone": "Europe/Oslo"}
    assert canonical(one) == canonical(other)
    assert canonical(one) == b'{"currency":"NOK","purchases":{"late_days":3},"time_zone":"Europe/Oslo"}'
    assert fingerprint(one) == fingerprint(other) == hashlib.sha256(canonical(one)).hexdigest()


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc~/", max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@unhurried
@given(st.dictionaries(st.text("abc", max_size=3), documents, max_size=4))
def test_the_canonical_form_is_json_and_a_fixed_point(document):
    once = canonical(document)
    assert json.loads(once) == document
    assert canonical(json.loads(once)) == once


@pytest.mark.parametrize("bad", [1.0, float("nan"), "\0", "\ud800", {"\0": 1}])
def test_what_has_no_exact_form_has_no_fingerprint(bad):
    with pytest.raises(UnfitDocument) as refused:
        fingerprint({"earn": {"rules": [bad]}})
    assert [fault.pointer for fault in refused.value.errors] == ["/earn/rules/0"]


def test_a_document_nested_beyond_reason_is_refused_without_harm():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert [fault.code for fault in check({**LEAST, "earn": {"rules": deep}})] == ["too_deep"]


@unhurried
@given(documents)
def test_any_json_at_all_gets_faults_and_never_an_exception(document):
    assert check(document), "nothing drawn here is a program"
    for section in ("purchases", "earn", "lots", "exclusions", "redeem", "tiers", "discounts"):
        check({**LEAST, section: document})


# --- every fault -----------------------------------------------------------------------------------------


def test_all_faults_are_named_at_once_each_with_its_place():
    document = {
        "currency": "kroner",
        "purchases": {"late_days": 3651, "earning_kinds": ["sale", "gift"], "a/b": 1},
        "claims": {"window_days": True},
        "lots": {"available": {"after_days": 14.0}},
        "loyalty": {},
    }
    assert {fault.pointer: fault.code for fault in check(document)} == {
        "/currency": "not_allowed",
        "/time_zone": "required",
        "/purchases/late_days": "out_of_range",
        "/purchases/earning_kinds/1": "not_allowed",
        "/purchases/a~1b": "unknown_setting",
        "/claims/window_days": "wrong_type",
        "/lots/available/after_days": "float_not_allowed",
        "/loyalty": "unknown_setting",
    }


@pytest.mark.parametrize("document", [None, [], "program", 7])
def test_a_document_is_an_object(document):
    assert [(fault.pointer, fault.code) for fault in check(document)] == [("", "wrong_type")]


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", 7, None])
def test_a_time_zone_is_one_that_exists(zone):
    assert faults(time_zone=zone) == {"/time_zone": "not_allowed"}


@pytest.mark.parametrize(
    "lots",
    [
        {"available": {"after_days": 30}, "expire": {"days": 30}},
        {"available": {"after_days": 30}, "expire": {"months": 1}},
        {"available": {"after_days": 1}, "expire": {"end_of_month": 0}},
        {"available": {"after_days": 14}, "expire": {"dates": ["12-31"]}},
    ],
)
def test_points_may_not_expire_before_they_are_available(lots):
    assert faults(lots=lots) == {"/lots/expire": "expires_before_available"}


def test_an_exclusion_names_one_kind_of_line():
    assert faults(
        exclusions=[{"sku": "1"}, {}, {"sku": ["1"], "category": "tea"}, {"sku": ["1"], "from": ["x"]}]
    ) == {
        "/exclusions/1": "not_allowed",
        "/exclusions/2": "not_allowed",
        "/exclusions/3/from/0": "not_allowed",
    }


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("returns", {"take_back": "pending_only", "unlinked": "base_rate"}),
        (
            "redeem",
            {"rate": {"points": 100, "amount": 1000}, "as": "discount", "hold": {"till": {"minutes": 5}}},
        ),
        ("redeem", {"verify_above": {"amount": 50000}, "same_purchase": "yes"}),
        ("tiers", {"period": {"rolling": 12}, "downgrade": {"to": "one_step", "grace_days": 30}}),
        ("discounts", {"round": {"mode": "half_even", "at": "basket"}, "floor": {"share": 50}}),
        ("coupons", {"give_back": ["void"]}),
        ("gifts", {"reveal_after_hours": 96}),
        ("earn", {"period_table": {"month": {"steps": [{"from": 0, "points": 1}]}}}),
    ],
)
def test_a_document_may_carry_what_later_capabilities_will_read(section, value):
    assert faults(**{section: value}) == {}


@pytest.mark.parametrize(
    ("section", "value", "pointer"),
    [
        ("returns", {"take_back": "everything"}, "/returns/take_back"),
        ("redeem", {"max_share": 101}, "/redeem/max_share"),
        ("tiers", {"metric": "balance"}, "/tiers/metric"),
        ("gifts", {"reveal_after_hours": 23}, "/gifts/reveal_after_hours"),
        ("earn", {"round": "floor"}, "/earn/round"),
        ("lots", {"expire": {"days": 1, "months": 1}}, "/lots/expire"),
        ("lots", {"expire": {"dates": ["02-29"]}}, "/lots/expire/dates/0"),
    ],
)
def test_a_value_outside_the_table_is_refused(section, value, pointer):
    assert pointer in faults(**{section: value})


# --- defaults --------------------------------------------------------------------------------------------


def test_a_silent_document_has_the_defaults_of_the_table():
    found = settings(LEAST)
    assert (found.currency, found.zone.key, found.show_as) == ("NOK", "Europe/Oslo", "points")
    assert (found.earning_kinds, found.late_days, found.claim_window_days) == ({"sale"}, 31, 30)
    assert found.unknown_identifier == "attach_on_enrolment"
    assert found.lots == LotTerms(("at_once", None), ("never", None), exact=False)
    assert found.sections["earn"]["tenders_excluded"] == {"points"}
    assert {entry.get("legal_class", entry.get("line_type")) for entry in found.sections["exclusions"]} == {
        ("deposit",),
        ("deposit_return",),
        ("gift_card",),
        ("lottery",),
        ("tobacco",),
        ("alcohol",),
        ("infant_formula",),
        ("prescription",),
    }


def test_null_is_no_limit_on_late_receipts():
    assert settings({**LEAST, "purchases": {"late_days": None}}).late_days is None


def test_faulty_documents_have_no_settings():
    with pytest.raises(UnfitDocument) as refused:
        settings({"currency": "NOK"})
    assert [fault.pointer for fault in refused.value.errors] == ["/time_zone"]
