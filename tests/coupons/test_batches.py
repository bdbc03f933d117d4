"""Batches: made piece by piece however often the worker dies, read in clear once, and nowhere kept in clear."""

from __future__ import annotations

from collections.abc import Callable

from loyalty_api import codes as writing
from loyalty_api.coupons import batches
from loyalty_api.jobs import Limit
from tests.coupons.printing import asked, codes, make, one, printed, validate
from tests.purchases.racing import at_once, breaches
from tests.support.shop import Shop


def after(pieces: int) -> Callable[[], bool]:
    """A worker that is told to end after so many pieces."""
    seen = iter(range(pieces))
    return lambda: next(seen, None) is None


def test_a_batch_is_made_in_pieces_and_goes_on_where_it_was(shop: Shop) -> None:
    batch = asked(shop, count=batches.AT_ONCE + 500)
    path = f"/v1/coupon-batches/{batch['batch_id']}"
    assert (batch["made"], batch["total"], batch["state"]) == (0, batches.AT_ONCE + 500, "making")
    assert codes(shop.office, batch["batch_id"]).code == "coupons_being_made"
    assert make(shop, limit=Limit(told=after(1))) == batches.AT_ONCE
    assert shop.office.get(path)["made"] == batches.AT_ONCE
    assert at_once(*[lambda: make(shop)] * 4).count(500) == 1, "workers share, and none makes a code twice"
    found = shop.office.get(path)
    assert (found["made"], found["state"]) == (batches.AT_ONCE + 500, "ready")
    lines = codes(shop.office, batch["batch_id"]).lines
    assert [line["number"] for line in lines] == list(range(1, batches.AT_ONCE + 501))
    assert len({line["code"] for line in lines}) == len({line["coupon_id"] for line in lines}) == len(lines)
    assert all(writing.plain_code(line["code"]) == line["code"] for line in lines)
    assert breaches(shop) == []


def test_a_broken_stream_is_read_on_and_when_all_is_there_nobody_reads_again(shop: Shop) -> None:
    batch = asked(shop, count=3)["batch_id"]
    make(shop)
    first = codes(shop.office, batch).lines
    assert codes(shop.office, batch, after=2).lines == first[2:], "a stream that broke is read on"
    assert codes(shop.office, batch).lines == first, "until it is confirmed"
    assert codes(shop.caller("staff"), batch).code == "codes_handed_out", "and by one client only"
    path = f"/v1/coupon-batches/{batch}/confirm"
    assert shop.office.post(path, {"received": 2}).code == "validation_failed"
    assert shop.caller("staff").post(path, {"received": 3}).code == "codes_handed_out"
    assert shop.office.post(path, {"received": 3})["state"] == "handed_out"
    assert shop.office.post(path, {"received": 3})["state"] == "handed_out"
    assert codes(shop.office, batch).code == "codes_handed_out"
    kept = shop.database.fetch_one("SELECT secret FROM coupon_batches WHERE handed_out_at IS NOT NULL", ())
    assert kept == (None,), "what they were worked out from is gone"
    assert validate(shop.till, first[0]["code"])["usable"], "and they count all the same"


def test_no_code_is_kept_in_clear(shop: Shop) -> None:
    code = one(shop).replace("-", "")
    tables = ("coupon_batches", "coupon_codes", "member_coupons", "coupon_uses", "idempotency_keys", "events")
    for table in tables:
        with shop.database.snapshot() as connection:
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
        assert not [row for row in rows if code[:12] in row[0].replace("-", "")], table


def test_what_does_not_fit_together_is_refused_with_its_place(shop: Shop) -> None:
    member = shop.enrol()
    cases: list[tuple[dict[str, object], str]] = [
        ({"uses": 2}, "/uses"),
        ({"kind": "limited", "count": None}, "/count"),
        ({"kind": "personal", "count": 5}, "/members"),
        ({"members": [member]}, "/members"),
        ({"kind": "personal", "members": [member, member]}, "/members"),
        ({"kind": "personal", "members": ["mbr_x"]}, "/members/0"),
        ({"needs_activation": True}, "/needs_activation"),
        ({"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "/valid_until"),
        ({"audience": {"tier": "gold", "level": 3}}, "/audience/level"),
        ({"audience": {"week_streak": {"at_least": 2}}}, "/audience/week_streak"),
        ({"audience": {}}, "/audience"),
        ({"count": 1_000_001}, "/count"),
        ({"name": "7GK2M-PX4RW-9HTB-C3FD"}, "/name"),
    ]
    for batch, pointer in cases:
        refused = asked(shop, **batch)
        assert refused.code == "validation_failed", batch
        assert pointer in [fault["pointer"] for fault in refused["errors"]], refused.body
    stranger = "mbr_01m80xfza0e4trdbsjq23m1646"
    assert asked(shop, kind="personal", members=[member, stranger]).code == "not_found"


def test_a_blocked_code_and_a_blocked_batch_are_as_if_they_had_never_been(shop: Shop) -> None:
    first, second = printed(shop, count=2, name="BLOCKED")
    coupon = shop.office.post(f"/v1/coupons/{first['coupon_id']}/block")
    assert coupon["state"] == "blocked"
    assert validate(shop.till, first["code"]).code == "coupon_unknown"
    assert validate(shop.till, second["code"])["state"] == "issued"
    batch = coupon["batch_id"]
    assert shop.office.post(f"/v1/coupon-batches/{batch}/block")["state"] == "blocked"
    assert validate(shop.till, second["code"]).code == "coupon_unknown"
    listed = shop.office.get(f"/v1/coupon-batches/{batch}/coupons?limit=1")
    assert [each["state"] for each in listed["data"]] == ["blocked"]
    rest = shop.office.get(f"/v1/coupon-batches/{batch}/coupons?limit=1&cursor={listed['next_cursor']}")
    assert ([each["coupon_id"] for each in rest["data"]], rest["next_cursor"]) == (
        [second["coupon_id"]],
        None,
    )
    unmade = asked(shop, count=5)["batch_id"]
    shop.office.post(f"/v1/coupon-batches/{unmade}/block")
    assert make(shop) == 0, "what is blocked is not made any more"
    assert shop.office.get("/v1/coupon-batches?limit=1")["data"][0]["batch_id"] == unmade
