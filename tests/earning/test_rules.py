"""What a basket earns, rule by rule of the shop floor."""

from __future__ import annotations

from datetime import datetime

import pytest

from loyalty_api.rulekit.basket import Line, LineDiscount
from loyalty_api.rulekit.decision import NearMiss
from tests.earning.builders import BASE, basket, codes, goods, points, program, rated

EVERY_WHOLE_KRONE = program(BASE)
PRODUCE = {"id": "produce", "kind": "bonus", "points_per": {"points": 1, "amount": 100}}
PRODUCE |= {"where": {"department": ["PRODUCE"]}}


def rule(**changes):
    return {**BASE, **changes}


# --- R9, R20: sum, floor, convert, round once ------------------------------------------------------------


@pytest.mark.parametrize(("paid", "earned"), [(99, 0), (100, 1), (199, 1), (200, 2), (123456, 1234)])
def test_one_point_for_each_whole_krone(paid, earned):
    assert points(basket(goods(1, paid)), EVERY_WHOLE_KRONE) == earned


def test_lines_are_summed_before_they_are_rounded():
    assert points(basket(goods(1, 50), goods(2, 50)), EVERY_WHOLE_KRONE) == 1


def test_rounding_by_line_is_a_setting():
    by_line = program(BASE, earn={"round_at": "line"})
    assert points(basket(goods(1, 150), goods(2, 150)), by_line) == 2
    assert points(basket(goods(1, 150), goods(2, 150)), EVERY_WHOLE_KRONE) == 3


@pytest.mark.parametrize(("name", "earned"), [("down", 2), ("half_up", 3), ("up", 3)])
def test_for_each_started_twenty(name, earned):
    twenty = program(rule(points_per={"points": 1, "amount": 2000}, round=name))
    assert points(basket(goods(1, 5000)), twenty) == earned


def test_three_points_for_each_whole_ten_kroner_come_in_threes():
    assert points(basket(goods(1, 2999)), program(rule(points_per={"points": 3, "amount": 1000}))) == 6


def test_points_lie_with_the_lines_that_earned_them():
    (effect,) = rated(basket(goods(1, 3214), goods(2, 1786)), EVERY_WHOLE_KRONE).effects
    assert effect.shares == (("1", 32), ("2", 18))
    assert (effect.basis, effect.desired, effect.granted) == (5000, 50, 50)


# --- R3, R12: what was paid ------------------------------------------------------------------------------


def test_discounts_lower_what_earns():
    assert points(basket(goods(1, 2929, off=429)), EVERY_WHOLE_KRONE) == 25


@pytest.mark.parametrize(
    ("discount", "earned_when_it_does_not_count"),
    [
        (LineDiscount("till", 1000, "markdown"), {"program", "coupon", "staff"}),
        (LineDiscount("program", 1000), {"till", "coupon", "staff"}),
        (LineDiscount("till", 1000, "coupon"), {"till", "program", "staff"}),
        (LineDiscount("till", 1000, "employee"), {"till", "program", "coupon"}),
    ],
)
def test_the_program_says_whose_discounts_lower_it(discount, earned_when_it_does_not_count):
    line = goods(1, 5000, discounts=(discount,))
    without = program(BASE, earn={"reduced_by": sorted(earned_when_it_does_not_count)})
    assert points(basket(line), without) == 50
    assert points(basket(line), EVERY_WHOLE_KRONE) == 40


def test_the_part_paid_with_points_earns_nothing_by_line():
    paid = basket(goods(1, 4500), goods(2, 2500), payments={"points": 2000, "card": 5000})
    decision = rated(paid, EVERY_WHOLE_KRONE)
    assert decision.basis == (("1", 3214), ("2", 1786))
    assert decision.points() == 50


def test_points_never_paid_for_what_cannot_be_paid_with_points():
    lines = (goods(1, 4000), goods(2, 1000, legal_class="tobacco"))
    decision = rated(basket(*lines, payments={"points": 1000, "card": 4000}), EVERY_WHOLE_KRONE)
    assert dict(decision.basis) == {"1": 3000, "2": 0}


def test_a_bottle_slip_lowers_the_basis_only_if_the_program_says_so():
    paid = basket(goods(1, 5000), payments={"deposit_slip": 600, "card": 4400})
    assert points(paid, EVERY_WHOLE_KRONE) == 50
    assert points(paid, program(BASE, earn={"tenders_excluded": ["points", "deposit_slip"]})) == 44


def test_more_paid_otherwise_than_there_is_leaves_nothing_and_not_less():
    decision = rated(basket(goods(1, 5000), payments={"points": 9000}), EVERY_WHOLE_KRONE)
    assert decision.points() == 0
    assert codes(decision) == {"base": "nothing_to_earn_on"}


# --- R10, R11: basket discounts, tax ---------------------------------------------------------------------


def test_a_basket_wide_discount_lowers_a_scoped_rule_only_if_the_program_says_so():
    wide = LineDiscount("till", 1000, basket_wide=True)
    line = goods(1, 5000, department="PRODUCE", discounts=(wide,))
    assert rated(basket(line), program(BASE, PRODUCE)).points(award="bonus") == 50
    assert rated(basket(line), program(BASE, PRODUCE)).points(award="base") == 40
    reduces = program(PRODUCE, earn={"basket_discount_on_scoped": "reduces"})
    assert points(basket(line), reduces) == 40


def test_the_basis_is_with_or_without_tax_as_the_program_says():
    with_tax, without = EVERY_WHOLE_KRONE, program(BASE, earn={"tax": "excluded"})
    shelf = goods(1, 11500, tax_rate="15")
    assert (points(basket(shelf), with_tax), points(basket(shelf), without)) == (115, 100)
    business = goods(1, 10000, tax_rate="25.5")
    assert points(basket(business, tax_included=False), with_tax) == 125
    assert points(basket(business, tax_included=False), without) == 100


# --- R13 to R15: what is not goods, and what the law protects --------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        Line("2", 400, type="deposit"),
        Line("2", -400, type="deposit_return"),
        Line("2", 50000, type="gift_card"),
        Line("2", 9900, legal_class="tobacco"),
        Line("2", 9900, legal_class="alcohol"),
        Line("2", 9900, legal_class="infant_formula"),
        Line("2", 9900, legal_class="prescription"),
        Line("2", 9900, legal_class="lottery"),
    ],
)
def test_a_silent_program_gives_nothing_on_it_and_lets_it_take_nothing(line):
    decision = rated(basket(goods(1, 4500), line), EVERY_WHOLE_KRONE)
    assert decision.points() == 45
    assert decision.basis == (("2", 0),)


def test_exclusions_outrank_a_rule_made_for_them():
    wine = program(rule(where={"legal_class": ["alcohol"]}))
    decision = rated(basket(goods(1, 9900, legal_class="alcohol")), wine)
    assert codes(decision) == {"base": "excluded"}


def test_a_program_without_exclusions_gives_points_on_all_lines():
    assert points(basket(goods(1, 9900, legal_class="alcohol")), program(BASE, exclusions=[])) == 99


def test_an_exclusion_can_be_from_one_thing_only():
    wine = goods(1, 9900, legal_class="alcohol")
    entry = {"legal_class": "alcohol", "from": ["threshold"]}
    some = program(rule(minimum_basket=5000), exclusions=[entry])
    assert points(basket(wine), some) == 0
    assert points(basket(wine, goods(2, 5000)), some) == 149


# --- R8: quantities --------------------------------------------------------------------------------------


def test_a_point_for_each_whole_litre():
    fuel = program(rule(points_per={"points": 1, "quantity": 1000, "unit": "ml"}))
    lines = (goods(1, 80000, quantity=42350, unit="ml"), goods(2, 2000, quantity=3))
    assert points(basket(*lines), fuel) == 42


def test_a_measured_line_is_one_piece_and_so_is_a_line_without_quantity():
    pieces = program(rule(points_per={"points": 5, "quantity": 1, "unit": "each"}))
    lines = (goods(1, 900, quantity=2), goods(2, 900, quantity=734, unit="g"), goods(3, 900, quantity=0))
    assert points(basket(*lines), pieces) == 20


def test_what_was_free_counts_no_pieces():
    pieces = program(rule(points_per={"points": 5, "quantity": 1, "unit": "each"}))
    assert points(basket(goods(1, 900), goods(2, 900, off=900)), pieces) == 5


def test_fixed_points_are_given_once_a_basket():
    visit = program({"id": "visit", "kind": "bonus", "points": 25})
    (effect,) = rated(basket(goods(1, 300), goods(2, 100)), visit).effects
    assert (effect.granted, effect.shares) == (25, (("1", 19), ("2", 6)))


# --- R17: below zero -------------------------------------------------------------------------------------


def test_a_correction_takes_from_the_sum_but_never_takes_points():
    corrected = basket(goods(1, 5000), Line("2", -2000, type="correction"))
    (effect,) = rated(corrected, EVERY_WHOLE_KRONE).effects
    assert effect.shares == (("1", 30),)
    below = rated(basket(goods(1, 1000), Line("2", -2000, type="correction")), EVERY_WHOLE_KRONE)
    assert (below.points(), codes(below)) == (0, {"base": "nothing_to_earn_on"})


def test_a_correction_adds_no_points_when_lines_are_rounded_one_by_one():
    by_line = program(BASE, earn={"round_at": "line"})
    assert points(basket(goods(1, 5000), Line("2", -5000, type="correction")), by_line) == 0
    assert points(basket(goods(1, 5000), Line("2", -2000, type="correction")), by_line) == 30


# --- scope and conditions --------------------------------------------------------------------------------


def test_a_bonus_on_one_department():
    lines = (goods(1, 4500), goods(2, 1786, department="PRODUCE"))
    decision = rated(basket(*lines), program(BASE, PRODUCE))
    assert [(effect.rule, effect.granted) for effect in decision.effects] == [("base", 62), ("produce", 17)]
    assert codes(rated(basket(goods(1, 4500)), program(BASE, PRODUCE))) == {"produce": "not_in_scope"}


def test_base_comes_before_bonus_whatever_the_order_of_the_document():
    produce = goods(1, 100, department="PRODUCE")
    assert [effect.rule for effect in rated(basket(produce), program(PRODUCE, BASE)).effects] == [
        "base",
        "produce",
    ]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ({"store": ["str_0412"]}, None),
        ({"store": ["str_0077"]}, "other_store"),
        ({"channel": "web"}, "other_channel"),
        ({"days": ["sat"]}, None),
        ({"days": ["sun"]}, "outside_window"),
        ({"hours": [{"from": "16:00", "until": "18:00"}]}, None),
        ({"hours": [{"from": "14:00", "until": "16:06"}]}, "outside_window"),
        ({"hours": [{"from": "22:00", "until": "16:07"}]}, None),
        ({"hours": [{"from": "06:00", "until": "07:00"}, {"from": "16:00", "until": "24:00"}]}, None),
        ({"from": "2026-11-21", "until": "2026-11-21"}, None),
        ({"from": "2026-11-22"}, "outside_window"),
        ({"until": "2026-11-20"}, "outside_window"),
        ({"store": ["str_0412"], "days": ["sun"]}, "outside_window"),
    ],
)
def test_every_condition_must_hold_on_a_saturday_at_six_past_four(when, code):
    decision = rated(basket(goods(1, 100)), program(rule(when=when)))
    assert codes(decision) == ({} if code is None else {"base": code})


def test_days_are_the_program_s_and_hours_the_store_s_own():
    when = {"days": ["fri"], "hours": [{"from": "00:30", "until": "00:40"}]}
    friday_in_oslo = datetime.fromisoformat("2026-11-20T23:35:00+01:00")
    in_finland = basket(goods(1, 100), time_zone="Europe/Helsinki")
    assert points(in_finland, program(rule(when=when)), at=friday_in_oslo) == 1
    assert points(basket(goods(1, 100)), program(rule(when=when)), at=friday_in_oslo) == 0


@pytest.mark.parametrize(
    ("at", "earned"),
    [
        ("2026-03-29T01:30:00+01:00", 0),
        ("2026-03-29T03:30:00+02:00", 0),
        ("2026-10-25T02:30:00+02:00", 1),
        ("2026-10-25T02:30:00+01:00", 1),
    ],
)
def test_an_hour_that_is_skipped_never_matches_and_one_that_comes_twice_matches_twice(at, earned):
    night = program(rule(when={"hours": [{"from": "02:00", "until": "03:00"}]}))
    assert points(basket(goods(1, 100)), night, at=datetime.fromisoformat(at)) == earned


# --- minimum, cap, terms ---------------------------------------------------------------------------------


def test_below_the_minimum_nothing_is_earned_and_the_distance_is_told():
    decision = rated(basket(goods(1, 4790)), program(rule(minimum_basket=5000)))
    assert codes(decision) == {"base": "below_minimum"}
    assert decision.near_misses == (NearMiss("base", {"amount": 210}),)
    assert points(basket(goods(1, 5000)), program(BASE, earn={"minimum_basket": 5000})) == 50


def test_a_sum_below_the_first_step_tells_how_much_is_missing():
    decision = rated(basket(goods(1, 1790)), program(rule(points_per={"points": 10, "amount": 2000})))
    assert codes(decision) == {"base": "below_step"}
    assert decision.near_misses == (NearMiss("base", {"amount": 210}),)


def test_a_cap_reduces_and_says_what_it_took():
    decision = rated(basket(goods(1, 6000), goods(2, 4000)), program(rule(cap_per_purchase=50)))
    (effect,) = decision.effects
    assert (effect.desired, effect.granted, effect.shares) == (100, 50, (("1", 30), ("2", 20)))
    (reason,) = decision.reasons
    assert (reason.outcome, dict(reason.numbers)) == ("capped", {"cap": 50, "desired": 100, "granted": 50})


def test_a_cap_may_refuse_instead():
    decision = rated(basket(goods(1, 6000)), program(rule(cap_per_purchase=50, cap_effect="refuse")))
    (effect,) = decision.effects
    assert (effect.desired, effect.granted, effect.shares) == (60, 0, ())
    assert points(basket(goods(1, 5000)), program(rule(cap_per_purchase=50, cap_effect="refuse"))) == 50


def test_points_carry_the_terms_of_their_rule():
    lots = {"available": {"after_days": 14}, "expire": {"end_of_month": 12}}
    own = {**PRODUCE, "lots": {"expire": {"days": 30}}}
    produce = basket(goods(1, 100, department="PRODUCE"))
    base, bonus = rated(produce, program(BASE, own, lots=lots)).effects
    assert base.available_at == bonus.available_at == datetime.fromisoformat("2026-12-04T23:00:00Z")
    assert base.expires_at == datetime.fromisoformat("2027-11-30T23:00:00Z")
    assert bonus.expires_at == datetime.fromisoformat("2026-12-21T23:00:00Z")
