"""The stop button: what it takes away at once, from whom not, and who may press it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.program import service
from loyalty_api.rating.rules_program import Program, compile_program, without
from tests.purchases.racing import another, at_once, insisting
from tests.support.engines import until
from tests.support.shop import Reply, Shop, line, receipt

WHY = {"reason": "Ten times too much"}
PRODUCE = "/v1/program/rules/produce_bonus"


def sale(shop: Shop, card: str, *, at: datetime | None = None, **more: Any) -> Reply:
    """An apple for 10.00, which earns 10 points, and 10 more while nobody has stopped the bonus."""
    body = receipt(line(1000, sku="apple"), card=card, at=at, **more)
    sold = shop.till.post("/v1/purchases", body, key=None)
    assert sold.status == 201, sold.body
    return sold


def reread(shop: Shop) -> None:
    shop.app.extensions["programs"]._read_at = float("-inf")


def stop(shop: Shop) -> Reply:
    paused = shop.office.post(PRODUCE + "/pause", WHY)
    assert paused.status == 200, paused.body
    reread(shop)
    return paused


@pytest.fixture(autouse=True)
def going(shop: Shop) -> None:
    """Every test begins with the bonus going."""
    shop.office.post(PRODUCE + "/resume", {"reason": "The next test"})
    reread(shop)


def test_a_rule_is_stopped_at_once_and_goes_on_when_told(shop: Shop) -> None:
    shop.enrol("STOP-1")
    assert sale(shop, "STOP-1")["points"]["earned"] == 20
    paused = stop(shop)
    sold = sale(shop, "STOP-1")
    assert sold["points"]["earned"] == 10
    why = shop.office.get(f"/v1/purchases/{sold['purchase_id']}/explanation")
    assert "It is paused." in [step["value"] for step in why["steps"]]
    resumed = shop.office.post(PRODUCE + "/resume", {"reason": "Mended"})
    reread(shop)
    assert (resumed["paused_at"], resumed["resume_reason"]) == (paused["paused_at"], "Mended")
    assert sale(shop, "STOP-1")["points"]["earned"] == 20


def test_a_late_receipt_is_rated_by_the_pauses_of_its_own_time(shop: Shop) -> None:
    shop.enrol("STOP-2")
    stop(shop)
    shop.office.post(PRODUCE + "/resume", {"reason": "Mended"})
    reread(shop)
    newest = shop.office.get("/v1/program/pauses?limit=1")["data"][0]
    begun, over = (datetime.fromisoformat(newest[name]) for name in ("paused_at", "resumed_at"))
    instant = timedelta(microseconds=1)
    earned = [
        sale(shop, "STOP-2", at=at)["points"]["earned"]
        for at in (begun - instant, begun, over - instant, over)
    ]
    assert earned == [20, 10, 10, 20]


def test_what_was_quoted_before_the_pause_is_honoured(shop: Shop) -> None:
    shop.enrol("STOP-3")

    def quoted() -> Reply:
        body = receipt(line(1000, sku="apple"), card="STOP-3")
        names = ("store", "terminal", "occurred_at", "currency", "lines", "identifier")
        found = shop.till.post("/v1/quotes", {name: body[name] for name in names}, key=None)
        assert found.status == 200, found.body
        return found

    before = quoted()
    stop(shop)
    during = quoted()
    assert (before["points"]["total"], during["points"]["total"]) == (20, 10)
    assert sale(shop, "STOP-3", quote_id=before["quote_id"])["points"]["earned"] == 20
    shop.office.post(PRODUCE + "/resume", {"reason": "Mended"})
    reread(shop)
    assert sale(shop, "STOP-3", quote_id=during["quote_id"])["points"]["earned"] == 10


def test_another_process_knows_within_seconds(shop: Shop) -> None:
    programs: service.Programs[Program] = service.Programs(
        lambda document, version: compile_program(document, version=version), without=without
    )

    def paused() -> frozenset[str]:
        with shop.database.unit_of_work() as session:
            found = programs.at(driver(session), datetime.now(UTC))
        assert found is not None
        return found.paused

    assert paused() == frozenset()
    assert shop.office.post(PRODUCE + "/pause", WHY).status == 200
    assert service._REREAD_SECONDS < 5
    until(lambda: paused() == {"produce_bonus"}, "the other process knows that the rule is paused")


def test_of_many_who_press_at_once_one_has_paused_it(shop: Shop) -> None:
    answers = at_once(*(insisting(another(shop.office), PRODUCE + "/pause", WHY) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer["paused_at"] for answer in answers}) == 1
    reread(shop)


def test_pauses_are_listed_with_who_and_why(shop: Shop) -> None:
    stop(shop)
    first = shop.office.get("/v1/program/pauses?limit=1")
    (newest,) = first["data"]
    assert (newest["rule"], newest["reason"], newest["resumed_at"]) == ("produce_bonus", WHY["reason"], None)
    assert ids.read("cli", newest["paused_by"]) is not None
    rest = shop.office.get(f"/v1/program/pauses?cursor={first['next_cursor']}")
    assert newest["paused_at"] not in [pause["paused_at"] for pause in rest["data"]]


def test_only_rules_that_there_are_and_only_by_the_office(shop: Shop) -> None:
    unknown = shop.office.post("/v1/program/rules/sparkle/pause", WHY)
    assert (unknown.status, unknown.code) == (404, "rule_unknown")
    idle = shop.office.post(PRODUCE + "/resume", WHY)
    assert (idle.status, idle.code) == (404, "rule_not_paused")
    assert shop.till.post(PRODUCE + "/pause", WHY).status == 403
    reader = shop.caller("staff", scopes=("program:read",))
    assert reader.post(PRODUCE + "/pause", WHY).status == 403
    assert shop.caller("staff", scopes=("program:pause",)).post(PRODUCE + "/pause", WHY).status == 200


def test_a_rule_can_be_stopped_in_the_moment_its_version_is_published(shop: Shop) -> None:
    """No process may have read it by itself yet."""
    document = shop.office.get("/v1/program")["document"]
    document["earn"]["rules"].append({"id": "just_now", "kind": "bonus", "points": 5})
    shop.publish(document, effective_from=datetime.now(UTC) + timedelta(days=900))
    # As a process that has just looked, a moment too early.
    shop.app.extensions["programs"]._read_at = time.monotonic()
    assert shop.office.post("/v1/program/rules/just_now/pause", WHY).status == 200
