"""Every entry leads to what made it."""

from __future__ import annotations

import pytest

from loyalty_api.explanations.entries import CAUSES
from loyalty_api.language import languages
from tests.explanations.till import Till, line, told


def test_points_lead_to_their_rule_its_arithmetic_and_what_limited_it(till: Till) -> None:
    member = till.shop.enrol("WHY-1")
    sale = till.sells(line(3150), line(1199, sku="apple", line_id="2"), card="WHY-1")
    base, bakery = till.statement(member)
    assert till.told(base) == (
        "42 points from the rule A point for a dollar.",
        [
            ("Purchase", f"{sale['reference']}, 2026-03-02"),
            ("Rule", "A point for a dollar"),
            ("Version of the program", "2"),
            ("Rate", "1 point for each whole 1.00 USD of 43.49 USD, rounded line by line"),
            ("Line bread", "31.50 USD: 31 points"),
            ("Line apple", "11.99 USD: 11 points"),
        ],
    )
    assert till.told(bakery)[1][-3:] == [
        ("Limit", "Limited to 30 points of 31 points"),
        ("Limit", "The most it gives for one purchase was reached."),
        ("Line bread", "31.50 USD: 30 points"),
    ]


def test_what_a_level_adds_is_told_by_the_levels_name(till: Till) -> None:
    member = till.shop.enrol("WHY-2")
    till.sells(line(10_000), card="WHY-2")
    till.sells(line(2000, sku="soap"), card="WHY-2")
    level = till.statement(member)[-1]
    assert till.told(level, language="nb") == (
        "10 poeng fra nivået Gull.",
        [
            ("Handel", f"{level['source']['reference']}, 2.3.2026"),
            ("Nivå", "Gull"),
            ("Programversjon", "2"),
            ("Sats", "0,5 ganger 20 poeng i tillegg"),
            ("Linje soap", "10 poeng"),
        ],
    )


def test_a_return_tells_its_lines_and_what_was_taken_before(till: Till) -> None:
    member = till.shop.enrol("WHY-3")
    sale = till.sells(line(3000, sku="soap", quantity=3), card="WHY-3")
    till.brings_back(sale, {"line_id": "1", "quantity": 1})
    till.calendar.pass_by(days=20)
    till.brings_back(sale)
    _, first, _, second = till.statement(member)
    assert till.told(first)[0] == "10 points were taken back because goods came back."
    assert till.told(second) == (
        "20 points were taken back because goods came back.",
        [
            ("Purchase", f"{sale['reference']}, 2026-03-02"),
            ("Earned by the purchase", "30 points"),
            ("Line soap", "2 pc., 20.00 USD: 20 points"),
            ("Taken back before", "10 points"),
            ("Taken back now", "20 points"),
            ("Of these, usable", "20 points"),
        ],
    )


def test_waiting_and_expiry_tell_of_the_purchase_and_of_the_terms(till: Till) -> None:
    member = till.shop.enrol("WHY-4")
    sale = till.sells(line(3000, sku="soap"), card="WHY-4")
    till.calendar.on("2026-05-02T10:00+02:00")
    _, woken, gone = till.statement(member)
    earned = [("Earned", "2026-03-02"), ("From", f"Purchase {sale['reference']}, 2026-03-02")]
    assert till.told(woken) == (
        "30 points became usable because their waiting time was over.",
        [*earned, ("Usable from", "2026-03-16")],
    )
    assert till.told(gone) == (
        "30 points expired: their last day was over.",
        [*earned, ("Last day", "2026-04-30"), ("Lifetime", "until the end of the month, 1 month on")],
    )


def test_points_that_are_used_tell_for_what_at_which_price(till: Till) -> None:
    member = till.shop.enrol("WHY-5")
    office = till.shop.office
    office.post(f"/v1/members/{member}/adjustments", {"points": 100, "reason": "goodwill"})
    wish = {"member_id": member, "for": "points", "points": 40, "store": "str_1"}
    steps = [
        ("Worth", "4.00 USD"), ("Price of points", "10 points = 1.00 USD"), ("Set aside", "2026-03-02"),
        ("Set aside in all", "40 points"),
    ]  # fmt: skip
    captured = till.shop.till.post("/v1/redemptions", wish)["redemption_id"]
    assert till.shop.till.post(f"/v1/redemptions/{captured}/capture", {"points": 30}).status == 200
    assert till.shop.till.post(f"/v1/redemptions/{captured}/reverse", {"reason": "void"}).status == 200
    released = till.shop.till.post("/v1/redemptions", wish)["redemption_id"]
    till.shop.till.post(f"/v1/redemptions/{released}/release")
    till.shop.till.post("/v1/redemptions", wish)
    till.calendar.pass_by(days=1)
    given, *moved = till.statement(member)
    assert till.told(given) == (
        "100 points were given by the staff.", [("Reason", "Goodwill"), ("By", "The office")],
    )  # fmt: skip
    assert [till.told(entry) for entry in moved] == [
        ("40 points were set aside to be used.", steps),
        ("30 points were used.", steps),
        ("10 points were set aside and not used.", steps),
        ("30 points were used and given back.", steps),
        ("40 points were set aside to be used.", steps),
        ("40 points were set aside and not used.", steps),
        ("40 points were set aside to be used.", steps),
        ("40 points were set aside and not used.", steps),
    ]


def test_a_debt_tells_since_when_and_what_is_left_of_it(till: Till) -> None:
    member = till.shop.enrol("WHY-6")
    taken = {"points": -25, "reason": "fraud", "may_owe": True}
    assert till.shop.office.post(f"/v1/members/{member}/adjustments", taken).status == 201
    till.shop.office.post(f"/v1/members/{member}/adjustments", {"points": 10, "reason": "goodwill"})
    owed, _, paid = till.statement(member)
    assert till.told(owed) == (
        "25 points were not on the account any more, so they are owed.",
        [("Reason", "Misuse"), ("By", "The office"), ("Owed after that", "25 points")],
    )
    assert till.told(paid) == (
        "10 points paid what was owed.",
        [("Reason", "Goodwill"), ("By", "The office"), ("Owed since", "Correction, 2026-03-02"),
         ("Owed after that", "15 points")],
    )  # fmt: skip


def test_a_year_later_under_later_rules_the_answers_are_the_same(till: Till) -> None:
    member = a_life(till, "WHY-7")
    before = {language: till.everything(member, language=language) for language in languages()}
    assert len({told[0][0] for told in before.values()}) == len(languages())
    till.calendar.pass_by(days=365)
    till.publishes_other_rules()
    assert {language: till.everything(member, language=language) for language in languages()} == before


def test_every_cause_of_a_journal_has_somebody_who_tells_of_it(till: Till) -> None:
    a_life(till, "WHY-8")
    with till.shop.database.unit_of_work() as session:
        found = session.connection().exec_driver_sql("SELECT DISTINCT cause_type FROM journals").scalars()
        assert set(found) <= CAUSES.keys()


def test_entries_lots_and_levels_of_others_are_not_there(till: Till) -> None:
    member, other = a_life(till, "WHY-9"), till.shop.enrol("WHY-10")
    app, stranger = till.shop.member(member), till.shop.member(other)
    own = [entry["explanation"] for entry in app.get("/v1/me/entries?limit=200")["data"]]
    own += [lot["explanation"] for lot in app.get("/v1/me/lots")["data"]]
    assert len(own) > 8
    for path in own:
        assert told(app, path, language="sv")[0]
        assert stranger.get(path).status == 404
    assert stranger.get("/v1/me/lots")["data"] == []


def a_life(till: Till, card: str) -> str:
    """A member to whom something of every kind has happened; all of it is over, so that time changes nothing more."""
    member, office, shop = till.shop.enrol(card), till.shop.office, till.shop
    sale = till.sells(line(6000), line(2500, sku="apple", line_id="2"), card=card)
    till.sells(line(1900, sku="apple"), card=card)
    office.post(f"/v1/members/{member}/adjustments", {"points": 100, "reason": "campaign"})
    wish = {"member_id": member, "for": "points", "points": 40, "store": "str_1"}
    held = shop.till.post("/v1/redemptions", wish)["redemption_id"]
    shop.till.post(f"/v1/redemptions/{held}/capture")
    shop.till.post("/v1/redemptions", wish)
    till.calendar.pass_by(days=15)
    till.brings_back(sale, {"line_id": "2"})
    void = till.brings_back(sale)
    assert shop.till.post(f"/v1/returns/{void['return_id']}/void", {"reason": "mistake"}).status == 201
    office.post(f"/v1/members/{member}/adjustments", {"points": -900, "reason": "fraud", "may_owe": True})
    till.sells(line(4000), card=card)
    till.calendar.pass_by(days=300)
    assert till.statement(member)
    return member


@pytest.mark.parametrize(
    "named", ["lot_zzz", "lot_01m80xfza0e4trdbsjq23m1648", "pur_01m80xfza0e4trdbsjq23m1648"]
)
def test_a_lot_that_none_is_is_not_found(till: Till, named: str) -> None:
    member = till.shop.enrol("WHY-11")
    answer = till.shop.office.get(f"/v1/members/{member}/lots/{named}/explanation")
    assert (answer.status, answer.code) == (404, "not_found")
