"""When rules apply: each condition by itself, and all of them together."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.conditions import Situation, compiled
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.facts import NOBODY, Facts, Member
from loyalty_api.rulekit.windows import moment
from tests.earning.builders import basket, goods

OSLO = ZoneInfo("Europe/Oslo")
SATURDAY = datetime.fromisoformat("2026-11-21T16:06:40+01:00")
GOLD = Member(
    tier="gold",
    segments=("garden-club",),
    attributes={"enrolled_on": "2026-11-01", "member_for_days": 20, "language": "nb", "home_store": "str_1"},
)

KNOWN = Facts(GOLD)


def faults_of(when):
    faults = []
    read_conditions(when, "", faults)
    return {fault.pointer: fault.code for fault in faults}


def asked(when, *lines, facts=KNOWN, at=SATURDAY, counted=None, **more):
    """None when the condition holds, else the failure."""
    faults = []
    condition = compiled(read_conditions(when, "", faults))
    assert not faults
    of = basket(*(lines or (goods(1, 5000),)), **more)
    places = counted if counted is not None else range(len(of.lines))
    now = moment(at=at, zone=OSLO, basket=of)
    return condition.test(Situation(of, facts, now, [line.paid for line in of.lines], list(places)))


def code(when, *lines, **how):
    failed = asked(when, *lines, **how)
    return failed.code if failed else None


# --- the basket ------------------------------------------------------------------------------------------

MILK = (goods(1, 2000, quantity=2, brand="Tine", category=("Food", "Dairy")), goods(2, 9000, brand="Other"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, None),
        ({"where": {"brand": "Tine"}}, None),
        ({"where": {"brand": "Nobody"}}, "too_little_pieces"),
        ({"where": {"category": "Food > Dairy"}, "amount": {"at_least": 2000}}, None),
        ({"where": {"brand": "Tine"}, "amount": {"at_least": 2001}}, "too_little_amount"),
        ({"where": {"brand": "Tine"}, "amount": {"at_most": 1999}}, "too_much_amount"),
        ({"where": {"brand": "Tine"}, "pieces": {"at_least": 2, "at_most": 2}}, None),
        ({"where": {"brand": "Tine"}, "pieces": {"at_least": 3}}, "too_little_pieces"),
        ({"where": {"brand": "Tine"}, "lines": {"at_least": 99}}, "too_little_lines"),
        ({"where": {"brand": "Tine"}, "lines": {"at_most": 0}}, "too_much_lines"),
        ({"lines": {"at_least": 1}}, None),
        ({"where": {"brand": "Tine"}, "pieces": {"at_most": 1}}, "too_much_pieces"),
        ({"pieces": {"at_least": 3}, "amount": {"at_least": 11000}}, None),
    ],
)
def test_amounts_and_pieces_of_selected_lines(lines, expected):
    assert code({"lines": lines}, *MILK) == expected


def test_how_far_it_was_is_told_once_there_is_something():
    near = asked({"lines": {"where": {"brand": "Tine"}, "amount": {"at_least": 2210}}}, *MILK)
    assert (near.missing, dict(near.numbers)) == ({"amount": 210}, {"least": 2210, "found": 2000})
    pieces = asked({"lines": {"where": {"brand": "Tine"}, "pieces": {"at_least": 3}}}, *MILK)
    assert pieces.missing == {"pieces": 1}
    nothing = asked({"lines": {"where": {"brand": "Nobody"}, "amount": {"at_least": 2210}}}, *MILK)
    assert nothing.missing is None


def test_lines_that_do_not_count_are_not_counted():
    assert code({"lines": {"amount": {"at_least": 9000}}}, *MILK, counted=[0]) == "too_little_amount"


def test_measured_goods_are_one_piece():
    bananas = Line("1", 2929, quantity=734, unit="g")
    assert code({"lines": {"pieces": {"at_most": 1}}}, bananas) is None


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"store": "str_0412"}, None),
        ({"store": ["str_9"]}, "other_store"),
        ({"channel": ["store", "web"]}, None),
        ({"channel": ["web"]}, "other_channel"),
        ({"payment": ["card"]}, None),
        ({"payment": ["gift_card"]}, "other_payment"),
        ({"coupon": ["FRESH"]}, None),
        ({"coupon": ["OTHER"]}, "no_coupon"),
    ],
)
def test_the_place_and_how_it_is_paid(when, expected):
    assert code(when, payments={"card": 5000, "gift_card": 0}, coupons=("FRESH",)) == expected


# --- the time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"repeats": {"rule": "FREQ=MONTHLY;BYDAY=3SA", "from": "2026-01-01"}}, None),
        ({"repeats": {"rule": "FREQ=MONTHLY;BYDAY=1SA", "from": "2026-01-01"}}, "outside_window"),
        ({"repeats": {"rule": "FREQ=WEEKLY;BYDAY=SA", "from": "2026-11-22"}}, "outside_window"),
        ({"days": ["sat"], "hours": [{"from": "16:00", "until": "17:00"}]}, None),
    ],
)
def test_days_and_hours(when, expected):
    assert code(when) == expected


def test_a_day_that_repeats_is_one_of_the_program_s_own():
    just_past_midnight = datetime.fromisoformat("2026-11-20T23:30:00+00:00")
    saturdays = {"repeats": {"rule": "FREQ=WEEKLY;BYDAY=SA", "from": "2026-01-01"}}
    assert code(saturdays, at=just_past_midnight) is None


# --- the member ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"tier": ["gold", "platinum"]}, None),
        ({"tier": "silver"}, "other_tier"),
        ({"segment": "garden-club"}, None),
        ({"segment": ["students"]}, "other_segment"),
        ({"staff": False}, None),
        ({"staff": True}, "member_differs"),
        ({"enrolled": {"from": "2026-11-01"}}, None),
        ({"enrolled": {"from": "2026-11-02"}}, "enrolled_otherwise"),
        ({"enrolled": {"until": "2026-10-31"}}, "enrolled_otherwise"),
        ({"member_for_days": {"at_most": 30}}, None),
        ({"member_for_days": {"at_least": 30}}, "enrolled_otherwise"),
        ({"attribute": {"language": ["nb", "nn"], "home_store": "str_1"}}, None),
        ({"attribute": {"language": "sv"}}, "member_differs"),
        ({"tier": "gold", "segment": "students"}, "other_segment"),
    ],
)
def test_the_member(member, expected):
    assert code({"member": member}) == expected


@pytest.mark.parametrize(
    "member", [{"tier": "gold"}, {"segment": "a"}, {"staff": False}, {"enrolled": {"from": "2026-01-01"}}]
)
def test_nobody_meets_no_condition_about_a_member(member):
    assert code({"member": member}, facts=NOBODY) is not None


def test_conditions_say_what_they_need_to_know():
    def asks(when):
        return compiled(read_conditions(when, "", [])).asks

    assert asks({"member": {"tier": "gold"}}) == frozenset()
    nested = {"any": [{"not": {"member": {"enrolled": {"from": "2026-01-01"}}}}, {"member": {"staff": True}}]}
    assert asks(nested) == {"enrolled"}
    assert asks({"member": {"attribute": {"language": "nb"}}, "all": [nested]}) == {"enrolled", "profile"}


# --- together --------------------------------------------------------------------------------------------

HOLDS, FAILS = {"store": "str_0412"}, {"store": "str_9"}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"all": [HOLDS, {"channel": "store"}]}, None),
        ({"all": [HOLDS, FAILS]}, "other_store"),
        ({"any": [FAILS, HOLDS]}, None),
        ({"any": [FAILS, {"channel": "web"}]}, "other_store"),
        ({"not": FAILS}, None),
        ({"not": HOLDS}, "conditions_not_met"),
        ({"not": {"any": [FAILS, {"not": HOLDS}]}}, None),
        ({"all": [{"any": [FAILS, {"all": [HOLDS, {"not": FAILS}]}]}], "channel": "store"}, None),
    ],
)
def test_all_any_and_not(when, expected):
    assert code(when) == expected


TEN = {"lines": {"amount": {"at_least": 5210}}}


def test_a_near_miss_is_one_only_if_nothing_else_fails():
    assert asked({"all": [TEN, HOLDS]}).missing == {"amount": 210}
    assert asked({"all": [TEN, FAILS]}).code == "other_store"
    two = asked({"all": [TEN, {"lines": {"pieces": {"at_least": 2}}}]})
    assert (two.code, two.missing) == ("too_little_amount", None)
    assert asked({"any": [FAILS, TEN]}).missing == {"amount": 210}


# --- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "pointer", "fault"),
    [
        ({"colour": "red"}, "/colour", "unknown_setting"),
        ({"all": []}, "/all", "out_of_range"),
        ({"any": [{}]}, "/any/0", "required"),
        ({"not": {}}, "/not", "required"),
        ({"not": {"any": [{"days": ["sat"]}, {"days": ["someday"]}]}}, "/not/any/1/days/0", "not_allowed"),
        ({"member": {}}, "/member", "required"),
        ({"member": {"enrolled": {}}}, "/member/enrolled", "required"),
        ({"member": {"staff": 1}}, "/member/staff", "wrong_type"),
        ({"member": {"attribute": {"birth": "x"}}}, "/member/attribute/birth", "unknown_setting"),
        ({"lines": {"amount": {}}}, "/lines/amount", "required"),
        ({"lines": {"amount": {"at_least": 5, "at_most": 4}}}, "/lines/amount", "not_allowed"),
        ({"lines": {"pieces": {"at_least": 1.5}}}, "/lines/pieces/at_least", "wrong_type"),
        ({"repeats": {"rule": "FREQ=HOURLY", "from": "2026-01-01"}}, "/repeats/rule", "not_allowed"),
        ({"repeats": {"rule": "FREQ=DAILY"}}, "/repeats/from", "required"),
        ({"repeats": {"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "from": "2026-01-01"}}, "/repeats",
         "never_happens"),
        ({"repeats": {"rule": "FREQ=DAILY;BYMONTH=2", "from": "9999-12-31"}}, "/repeats/rule", "not_allowed"),
        ("always", "", "wrong_type"),
    ],
)  # fmt: skip
def test_a_fault_is_found_where_it_is(when, pointer, fault):
    assert faults_of(when).get(pointer) == fault
