"""The page about gifts: its calls are made as they stand, and what a rule may say is what is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from loyalty_api.gifts.rules_types import AT_PURCHASE, ELSEWHERE
from loyalty_api.rating.rules_program import check_document
from tests.docs import markdown
from tests.docs.test_rewards_page import call, filled
from tests.gifts.test_reading import document
from tests.purchases.racing import breaches
from tests.support.shop import Shop

PAGE = markdown.read("docs/gifts.md")
REWARD = "rwd_01m80xfza0e4trdbsjq23m1646"
TRIGGERS = [markdown.code(row[0])[0] for row in markdown.table(PAGE, "`trigger`", "pulled by")]
GIVES = [markdown.code(row[0])[0] for row in markdown.table(PAGE, "`give`", "becomes")]


def test_the_page_is_answered_as_it_says(fresh_shop: Shop) -> None:
    shop, now = fresh_shop, datetime.now(UTC)
    offer = {"kind": "product", "name": {"en": "A coffee"}, "price": {"points": 200}, "stock": 50}
    reward = shop.office.post("/v1/rewards", offer)["reward_id"]
    program = json.loads(markdown.blocks(PAGE, "json")[0].text.replace(REWARD, reward))
    assert check_document(program) == ()
    shop.publish(program, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    member = shop.enrol("9830000000001")
    callers = {"till": shop.till, "app": shop.member(member)}
    known = {"$NOW": now.isoformat(), "$TODAY": now.date().isoformat()}
    blocks = markdown.blocks(PAGE, "http till", "http app", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        first, _, body = asked.text.strip().partition("\n")
        reply = call(callers[asked.kind.removeprefix("http ")], filled(first, known), filled(body, known))
        difference = markdown.differs(json.loads(filled(answered.text, known)), reply.body)
        assert difference == "", f"{first}: {difference}"
        if first.endswith("/purchases"):
            known["$GIFT"] = reply["gifts"][0]["gift_id"]
    assert breaches(shop) == []


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_can_be_said_as_it_stands(trigger: str) -> None:
    said = {"id": "gift", "trigger": json.loads(trigger), "give": {"points": 1}}
    assert check_document(document(said)) == ()


@pytest.mark.parametrize("give", GIVES)
def test_what_is_given_can_be_said_as_it_stands(give: str) -> None:
    assert (
        check_document(document({"id": "gift", "trigger": {"purchase": {}}, "give": json.loads(give)})) == ()
    )


def test_all_triggers_are_told() -> None:
    assert {next(iter(json.loads(trigger))) for trigger in TRIGGERS} == AT_PURCHASE | ELSEWHERE
