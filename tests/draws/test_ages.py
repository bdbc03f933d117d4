"""Chances are for members of the age that their terms ask for, by the local day of the sale."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.draws.days import ALWAYS, NOW, TERMS, TODAY, buy, day, drawn, enrol, keep, lucky, open_draws
from tests.publishing.test_backtested_gifts import result
from tests.purchases.racing import breaches
from tests.support.shop import Shop, receipt

# Whoever has a birthday on a 29th of February had one 20 years before.
AGE = 20
YEARS_AGO, A_DAY_LATER = (each.replace(year=each.year - AGE) for each in (TODAY, TODAY + timedelta(days=1)))
FLOWER = {"id": "flower", "trigger": {"purchase": {}}, "give": {"product": {"text": "A flower"}}}


@pytest.fixture(scope="module")
def of_age(shop: Shop) -> Shop:
    """A shop where every draw wins, for those who are old enough."""
    open_draws(shop, lucky(trigger=ALWAYS), FLOWER, terms={**TERMS, "least_age": AGE})
    for card, born in (("AGE0", YEARS_AGO), ("AGE1", A_DAY_LATER), ("LATE", YEARS_AGO)):
        enrol(shop, card, profile={"birth_date": born.isoformat()})
    enrol(shop, "NONE")
    return shop


def brought(shop: Shop, card: str, *, back: int = 0) -> tuple[list[str], list[str]]:
    """What a purchase of so many days ago brings, and why its draw was not made, if it was not."""
    sold = buy(shop, card, at=NOW - timedelta(days=back))
    assert sold.status == 201, sold.body
    row = shop.database.fetch_one(
        "SELECT decision->'reasons' FROM purchases ORDER BY purchase_id DESC LIMIT 1", ()
    )
    codes = [one["code"] for one in (row[0] if row else None) or () if one["rule"] == "lucky"]
    return [gift["rule"] for gift in sold["gifts"]], codes


def test_on_the_birthday_a_member_takes_part_and_the_day_before_not(of_age: Shop) -> None:
    assert brought(of_age, "AGE0") == (["lucky", "flower"], [])
    assert brought(of_age, "AGE1") == (["flower"], ["too_young"])
    assert brought(of_age, "NONE") == (["flower"], ["age_unknown"])


def test_a_late_receipt_is_of_its_own_day(of_age: Shop) -> None:
    assert brought(of_age, "LATE", back=1) == (["flower"], ["too_young"])
    assert brought(of_age, "LATE") == (["lucky", "flower"], [])


def test_it_is_said_in_a_quote_and_explained(of_age: Shop) -> None:
    sale = receipt(card="AGE1", at=NOW)
    asked = ("store", "terminal", "currency", "lines", "identifier", "occurred_at")
    wanted = {"include": ["reasons"], "language": "nb"}
    quote = of_age.till.post("/v1/quotes", {name: sale[name] for name in asked} | wanted)
    words = "Den er for medlemmer fra fylte 20 år."
    assert [(one["code"], one["text"]) for one in quote["reasons"] if one["rule"] == "lucky"] == [
        ("too_young", words)
    ]
    sold = of_age.till.post("/v1/purchases", sale, key=None)["purchase_id"]
    why = of_age.office.get(f"/v1/purchases/{sold}/explanation", Accept_Language="nb")
    assert words in [step["value"] for step in why["steps"]]


def test_a_back_test_goes_by_the_ages_that_were_asked_for(of_age: Shop) -> None:
    made, now = len(drawn(of_age)), datetime.now(UTC)
    same = result(of_age, lucky(trigger=ALWAYS), least_age=AGE, ends=now)
    assert (same["gifts"]["draws_before"], same["gifts"]["draws_after"]) == (made, made)
    assert "ages_count_as_reached" not in same["notes"]
    other = result(of_age, lucky(trigger=ALWAYS), least_age=AGE + 1, ends=now)
    assert other["gifts"]["draws_after"] > made
    assert "ages_count_as_reached" in other["notes"]


def test_neither_what_is_kept_nor_the_public_record_knows_a_birthday(of_age: Shop) -> None:
    assert brought(of_age, "AGE0")[0] == ["flower"], "one draw a day"
    row = of_age.database.fetch_one("SELECT json_agg(facts), json_agg(decision) FROM purchases", ())
    kept = json.dumps(row)
    assert '"age:20": true' in kept
    assert '"age:20": false' in kept
    assert not any(born.isoformat() in kept for born in (YEARS_AGO, A_DAY_LATER))
    keep(of_age, NOW + timedelta(days=6))
    listed = [
        draw for back in (0, -1) for draw in of_age.office.get(f"/v1/draws/{day(back)}/records")["data"]
    ]
    assert len(listed) == len(drawn(of_age)) == 2
    public = of_age.office.get(f"/v1/draws/{day(0)}")
    assert json.loads(public["record"]).keys() == {"day", "odds", "previous", "reveals_at", "scheme", "seed"}
    assert breaches(of_age) == []
