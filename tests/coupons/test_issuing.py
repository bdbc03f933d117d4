"""Coupons that are given one by one: with what causes them, once, to one member or to whoever shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from loyalty_api import ids
from loyalty_api.coupons import issuing
from loyalty_api.coupons.service import Grant, Issued, issue
from loyalty_api.db import driver
from tests.coupons.printing import validate
from tests.purchases.racing import breaches
from tests.support.shop import Shop

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)
THANKS = Grant("gift:mug", "THANKS", NOW, NOW + WEEK)


def give(shop: Shop, member_id: str | None, grant: Grant = THANKS, coupon_id: UUID | None = None) -> Issued:
    """One coupon, given in a transaction of its own."""
    with shop.database.unit_of_work() as session:
        return issue(
            session, vault=shop.app.extensions["vault"], coupon_id=coupon_id or ids.new(),
            member_id=ids.read("mbr", member_id) if member_id else None, grant=grant, occurred_at=NOW, now=NOW,
        )  # fmt: skip


def test_a_member_has_what_was_given_and_reads_its_code(shop: Shop) -> None:
    member = shop.enrol()
    given, other = give(shop, member), give(shop, member, Grant("gift:mug", "OTHER", stores=("str_2",)))
    listed = shop.member(member).get("/v1/me/coupons")["data"]
    assert [(each["code"], each["name"], each["state"]) for each in listed] == [
        (other.code, "OTHER", "issued"),
        (given.code, "THANKS", "issued"),
    ]
    assert (listed[1]["valid_until"], listed[0]["valid_until"]) == (
        (NOW + WEEK).isoformat().replace("+00:00", "Z"),
        None,
    )
    assert validate(shop.till, given.code, member_id=member)["usable"]
    assert validate(shop.till, given.code).code == "coupon_not_yours"
    assert validate(shop.till, other.code, member_id=member).code == "coupon_not_here"
    late = (NOW - WEEK).isoformat()
    assert validate(shop.till, given.code, member_id=member, occurred_at=late).code == "coupon_not_yet_valid"
    told = shop.database.fetch_one(
        "SELECT count(*) FROM events WHERE kind = 'coupon_issued' AND member_id = %s",
        (ids.read("mbr", member),),
    )
    assert told == (2,)
    assert breaches(shop) == []


def test_what_one_giver_gives_under_one_name_is_one_batch(shop: Shop) -> None:
    members = [shop.enrol() for _ in range(3)]
    given = [
        give(shop, member, Grant("gift:cup", "CUP", NOW, NOW + n * WEEK))
        for n, member in enumerate(members, 1)
    ]
    coupon = shop.office.get(f"/v1/coupons/{ids.show('cpn', given[0].coupon_id)}")
    batch = shop.office.get(f"/v1/coupon-batches/{coupon['batch_id']}")
    assert (batch["giver"], batch["state"], batch["kind"]) == ("gift:cup", "giving", "personal")
    first = shop.office.get(f"/v1/coupon-batches/{coupon['batch_id']}/coupons?limit=2")
    rest = shop.office.get(
        f"/v1/coupon-batches/{coupon['batch_id']}/coupons?limit=2&cursor={first['next_cursor']}"
    )
    shown = [each["coupon_id"] for each in first["data"] + rest["data"]]
    assert shown == sorted(ids.show("cpn", each.coupon_id) for each in given)
    assert shop.office.post(
        f"/v1/coupon-batches/{coupon['batch_id']}/codes", {"after": 0}, key=None
    ).code == ("codes_handed_out")
    assert shop.office.post(f"/v1/coupon-batches/{coupon['batch_id']}/block")["state"] == "blocked"
    assert validate(shop.till, given[1].code, member_id=members[1]).code == "coupon_unknown"


def test_whoever_shows_a_code_that_was_given_to_nobody_has_it(shop: Shop) -> None:
    given = give(shop, None)
    assert validate(shop.till, given.code)["kind"] == "single"
    assert breaches(shop) == []


def test_giving_it_again_fails_instead_of_giving_twice(shop: Shop) -> None:
    member, coupon_id = shop.enrol(), ids.new()
    give(shop, member, coupon_id=coupon_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        give(shop, member, coupon_id=coupon_id)
    assert len(shop.member(member).get("/v1/me/coupons")["data"]) == 1


def test_what_is_taken_back_counts_no_more_until_that_is_undone(shop: Shop) -> None:
    member, because = shop.enrol(), ids.new()
    given = give(shop, member)
    with shop.database.unit_of_work() as session:
        back, used = issuing.take_back(session, [given.coupon_id], because=because, now=NOW)
    assert ([each.coupon_id for each in back], used) == ([given.coupon_id], [])
    assert shop.member(member).get("/v1/me/coupons")["data"][0]["state"] == "taken_back"
    assert validate(shop.till, given.code, member_id=member).code == "coupon_unknown"
    for cause in (ids.new(), because):
        with shop.database.unit_of_work() as session:
            issuing.give_again(driver(session), [given.coupon_id], because=cause)
    assert validate(shop.till, given.code, member_id=member)["usable"]
