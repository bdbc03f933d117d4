"""What lies in Redis: nothing anyone can read, nothing that is too old, and nothing that is needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from loyalty_api import config
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.support.calendar import Calendar
from tests.support.documents import earning, with_lots
from tests.support.shop import KEYS, Shop, line, open_shop, receipt

CARD = "PLAINCARD123456"


@pytest.fixture
def server(running: Engines) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(running.redis_url)
    client.flushall()
    yield client
    client.close()


def kept(server: redis.Redis) -> dict[bytes, bytes]:
    """Every document of a member's that Redis holds."""
    return {key: server.get(key) for key in server.keys("m:*")}


def test_a_second_look_is_answered_from_redis_alike_to_the_byte(shop: Shop, server: redis.Redis) -> None:
    member = shop.enrol()
    first = shop.office.get(f"/v1/members/{member}/summary")
    before = server.info("stats")["keyspace_hits"]
    again = shop.office.get(f"/v1/members/{member}/summary")
    assert again.raw == first.raw
    assert again.headers["ETag"] == first.headers["ETag"]
    assert server.info("stats")["keyspace_hits"] == before + 1


def test_what_is_kept_cannot_be_read_by_anyone_else(shop: Shop, server: redis.Redis) -> None:
    member = shop.enrol(CARD, profile={"given_name": "Ingeborg", "email": "ingeborg@example.org"})
    seen = shop.office.get(f"/v1/members/{member}/summary")
    assert seen["card"]["value"] == CARD
    held = kept(server)
    assert held
    for key, value in held.items():
        for secret in (CARD, "Ingeborg", "available", member):
            assert secret.encode() not in key + value


def test_a_document_that_was_tampered_with_or_moved_is_not_believed(shop: Shop, server: redis.Redis) -> None:
    rich, poor = shop.enrol("RICH"), shop.enrol("POOR")
    shop.till.post("/v1/purchases", receipt(line(9900), card="RICH"), key=None)
    for member in (rich, poor):
        shop.office.get(f"/v1/members/{member}/summary")
    held = kept(server)
    richest = next(value for key, value in held.items() if value and b":2:" in key)
    for key in held:
        server.set(key, richest)
    assert shop.office.get(f"/v1/members/{poor}/summary")["balance"]["available"] == 0
    for key in held:
        server.set(key, b"\x04test\x01 not what anybody has sealed")
    assert shop.office.get(f"/v1/members/{rich}/summary")["balance"]["available"] == 99
    for key in held:
        server.set(key, b"")
    assert shop.office.get(f"/v1/members/{rich}/summary")["balance"]["available"] == 99


def test_a_document_does_not_outlive_the_moment_it_holds_until(
    fresh_shop: Shop, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch)
    shop.publish(with_lots(available={"after_days": 14}), effective_from=today.now - timedelta(days=1))
    member = shop.enrol("WAITS")
    shop.till.post("/v1/purchases", receipt(line(500), card="WAITS", at=today.now), key=None)
    waiting = shop.office.get(f"/v1/members/{member}/summary")
    assert waiting["balance"] | {"worth": None} == {
        "available": 0, "pending": 5, "held": 0, "debt": 0, "worth": None,
    }  # fmt: skip
    for key in server.keys("m:*"):
        server.persist(key)  # As a Redis would that forgets to let go.
    today.on(datetime.fromisoformat(waiting["valid_until"]) - timedelta(seconds=1))
    still = shop.office.get(f"/v1/members/{member}/summary", If_None_Match=waiting.headers["ETag"])
    assert still.status == 304
    today.pass_by(seconds=1)
    due = shop.office.get(f"/v1/members/{member}/summary", If_None_Match=waiting.headers["ETag"])
    assert due.status == 200
    assert (due["balance"]["available"], due["balance"]["pending"]) == (5, 0)
    assert due["version"] == waiting["version"]


def test_redis_lets_go_of_a_document_when_it_does_not_hold_any_more(
    fresh_shop: Shop, server: redis.Redis
) -> None:
    shop = fresh_shop
    soon = {"available": "at_once", "expire": {"days": 1}}
    shop.publish(with_lots(**soon), effective_from=datetime.now(UTC) - timedelta(days=3))
    member = shop.enrol("SHORT")
    shop.till.post("/v1/purchases", receipt(line(500), card="SHORT"), key=None)
    seen = shop.office.get(f"/v1/members/{member}/summary")
    left = datetime.fromisoformat(seen["valid_until"]) - datetime.now(UTC)
    lives = [server.ttl(key) for key in server.keys("m:*:2:*")]
    assert lives
    assert all(0 < seconds <= min(left.total_seconds() + 1, 3600) for seconds in lives)


def test_new_rules_are_seen_though_the_member_did_not_change(
    fresh_shop: Shop, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch)
    member = shop.enrol("PRICED")
    shop.till.post("/v1/purchases", receipt(line(90_000), card="PRICED"), key=None)
    unpriced = shop.office.get(f"/v1/members/{member}/summary")
    assert unpriced["balance"]["worth"] is None
    priced = {**earning(1), "redeem": {"rate": {"points": 100, "amount": 1000, "step": 100, "minimum": 100}}}
    shop.publish(priced, effective_from=today.now + timedelta(hours=1))
    shop.office.get(f"/v1/members/{member}/summary")
    today.pass_by(hours=2)
    now = shop.office.get(f"/v1/members/{member}/summary", If_None_Match=unpriced.headers["ETag"])
    assert now.status == 200
    assert now["balance"]["worth"] == {"points": 900, "amount": 9000, "currency": "USD"}


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0", "unix:///nonexistent/redis.sock"])
def test_everything_works_without_redis(url: str, module_database: Database) -> None:
    made = config.Settings(data_dir=Path("/nonexistent"), redis_url=url, keys=KEYS)
    shop = open_shop(create_app(made, database=module_database))
    card = f"NOREDIS{len(url)}"
    member = shop.enrol(card)
    assert shop.office.get(f"/v1/members/{member}/summary")["balance"]["available"] == 0
    shop.till.post("/v1/purchases", receipt(line(500), card=card), key=None)
    seen = shop.member(member).get("/v1/me/summary")
    assert seen["balance"]["available"] == 5
    assert shop.member(member).get("/v1/me/summary", If_None_Match=seen.headers["ETag"]).status == 304


def test_a_card_that_was_replaced_is_not_shown_any_more(shop: Shop, server: redis.Redis) -> None:
    member = shop.enrol("OLDCARD1")
    assert shop.office.get(f"/v1/members/{member}/summary")["card"]["value"] == "OLDCARD1"
    added = {"kind": "card", "value": "NEWCARD1"}
    assert shop.office.post(f"/v1/members/{member}/identifiers", added).status == 201
    assert shop.office.get(f"/v1/members/{member}/summary")["card"]["value"] == "NEWCARD1"


def test_a_store_is_nobody_and_has_no_summary(shop: Shop) -> None:
    assert shop.office.get("/v1/members/mbr_00000000000000000000000000/summary").status == 404
