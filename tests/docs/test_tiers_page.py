"""The page about levels: its calls are made as they stand, and answered as it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from loyalty_api.rating.rules_program import check_document
from loyalty_api.tiers import assigning
from tests.docs import markdown
from tests.docs.test_rewards_page import call, filled
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.shop import Shop

PAGE = markdown.read("docs/tiers.md")


def test_the_page_is_answered_as_it_says(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, now = fresh_shop, Calendar(monkeypatch).on("2026-03-20T12:00+01:00")
    document = json.loads(markdown.blocks(PAGE, "json")[0].text)
    assert check_document(document) == ()
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    member, other = shop.enrol("9800000000001"), shop.enrol("9800000000002")
    callers = {"till": shop.till, "office": shop.office, "app": shop.member(member)}
    known = {"$MEMBER": member, "$OTHER": other, "$NOW": now.isoformat(), "$TODAY": now.date().isoformat()}
    blocks = markdown.blocks(PAGE, "http till", "http office", "http app", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        first, _, body = asked.text.partition("\n")
        reply = call(callers[asked.kind.removeprefix("http ")], filled(first, known), filled(body, known))
        difference = markdown.differs(json.loads(answered.text), reply.body)
        assert difference == "", f"{first}: {difference}"
    assert breaches(shop) == []


def test_the_reasons_are_those_there_are() -> None:
    said = markdown.code(PAGE[PAGE.index("The reasons are") :].partition("\n\n")[0])
    assert tuple(said) == assigning.REASONS
    rows = markdown.table(PAGE, "`reason`", "the level changed because")
    told = {word for row in rows for word in markdown.code(row[0])}
    assert told == {"reached", "period_ended", "returned", "rules_changed", "assigned", "assignment_ended"}
