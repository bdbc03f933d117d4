"""The page about explanations: its calls are made as they stand, a year after the purchase, and answered as it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_api.language import ALIKE, languages
from tests.docs import markdown
from tests.docs.test_rewards_page import filled
from tests.explanations.till import OTHER_RULES
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.shop import Caller, Reply, Shop

PAGE = markdown.read("docs/why.md")
KINDS = ("http till", "http office en", "http office ru", "http app en", "http till nb", "json answer")


def call(caller: Caller, text: str, language: str) -> Reply:
    first, _, body = text.partition("\n")
    method, path = first.split(" ")
    spoken = {"Accept_Language": language}
    return caller.get(path, **spoken) if method == "GET" else caller.post(path, json.loads(body), **spoken)


def test_the_page_is_answered_as_it_says(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, calendar = fresh_shop, Calendar(monkeypatch)
    now = calendar.on("2026-03-20T12:00+01:00")
    shop.office.upload("PUT", "/v1/products", [{"sku": "milk", "name": "Milk", "department": "DAIRY"}])
    shop.publish(
        json.loads(markdown.blocks(PAGE, "json")[0].text), effective_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    member = shop.enrol("9600000000001")
    callers = {"till": shop.till, "office": shop.office, "app": shop.member(member)}
    known = {"$MEMBER": member, "$NOW": now.isoformat(), "$TODAY": now.date().isoformat()}
    blocks = markdown.blocks(PAGE, *KINDS)
    made: list[Any] = []
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        _, who, *language = asked.kind.split(" ")
        reply = call(callers[who], filled(asked.text, known), language[0] if language else "en")
        difference = markdown.differs(json.loads(answered.text), reply.body)
        assert difference == "", f"{asked.text}: {difference}"
        if not made:
            known["$PURCHASE"] = reply["purchase_id"]
            a_year_later(shop, calendar)
            [lot] = shop.member(member).get("/v1/me/lots")["data"]
            known["$LOT"] = lot["lot_id"]
        made.append(reply)
    assert len(made) == 5
    assert breaches(shop) == []


def a_year_later(shop: Shop, calendar: Calendar) -> None:
    """Rules under which nothing is called or counted as it was, and a year has gone by."""
    calendar.on("2026-06-01T12:00+02:00")
    later = {**OTHER_RULES, "currency": "NOK", "redeem": {"rate": {"points": 10, "amount": 100}}}
    shop.publish(later, effective_from=calendar.now)
    calendar.on("2027-03-20T12:00+01:00")


def test_the_languages_are_those_there_are() -> None:
    rows = markdown.table(PAGE, "language", "code")
    assert {markdown.code(row[1])[0] for row in rows} == set(languages())
    [norwegian] = [markdown.code(row[1])[1:] for row in rows if "nb" in row[1]]
    assert set(norwegian) == set(ALIKE)


def test_the_paths_are_those_there_are(shop: Shop) -> None:
    known = {rule.rule for rule in shop.app.url_map.iter_rules()}
    said = {word for row in markdown.table(PAGE, "of what", "office and app", "the member's own") for word in
            markdown.code(" ".join(row))}  # fmt: skip
    shapes = {"".join(part if part[:1] != "<" else "" for part in rule.split("/")) for rule in known}
    for path in said:
        bare = "".join(part for part in path.removeprefix("GET ").split("/") if not part.startswith("{"))
        assert bare in shapes, path
