"""The page about promotions: its truth table is the test of how they go together."""

from __future__ import annotations

import json

import pytest

from loyalty_api.promotions.rules_reading import KINDS
from loyalty_api.promotions.rules_values import BENEFITS
from loyalty_api.purchases import examples
from loyalty_api.purchases.schemas_quotes import ReservationSchema
from loyalty_api.rating.rules import check_document
from tests.docs import markdown
from tests.promotions.builders import item, offering, priced, wants

PAGE = markdown.read("docs/promotions.md")
TABLE = markdown.table(PAGE, "case", "promotions", "taken off", "skipped")
TEA, MILK = item(1, 3000, "tea", 3), item(2, 2000, "milk")


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_promotions_go_together_as_the_table_says(row: list[str]) -> None:
    said, taken, skipped = (json.loads(cell.strip("`")) for cell in row[1:])
    by = offering(*[{"id": rule, **promotion} for rule, promotion in said.items()])
    found = priced(wants(TEA, MILK), by)
    assert [(one.rule, one.granted) for one in found.discounts] == list(taken.items())
    beaten = {one.rule: f"{one.code} by {one.by}" for one in found.reasons if one.outcome == "skipped"}
    assert beaten == skipped


def test_the_page_tells_every_benefit_and_its_program_is_valid() -> None:
    told = [
        name
        for row in markdown.table(PAGE, "benefit", "example", "what it does")
        for name in markdown.code(row[0])
    ]
    assert told == [
        *list(BENEFITS)[:3],
        "several",
        "buy_get",
        "bundle",
        "steps",
        "tiers",
        "free_item",
        "coupon",
    ]
    assert set(told) == set(BENEFITS)
    for program in markdown.blocks(PAGE, "json")[:2]:
        assert check_document(json.loads(program.text)) == ()
    assert all(kind in PAGE for kind in KINDS)


def test_a_reservation_looks_as_the_page_shows_it() -> None:
    shown = json.loads(markdown.blocks(markdown.section(PAGE, "Reservations"), "json")[0].text)
    assert ReservationSchema().validate(shown) == {}
    assert shown == examples.RESERVATION


def test_percentages_are_added_up_where_a_lane_says_so() -> None:
    ten = {"benefit": {"percent": {"off": "10", "on": "basket"}}}
    line = {"benefit": {"percent": {"off": "10", "on": "lines"}}}
    by = offering(ten, ten, line, line, discounts={"percents": {"basket": "additive"}})
    assert [one.granted for one in priced(wants(TEA, MILK), by).discounts] == [500, 450, 405, 405]
