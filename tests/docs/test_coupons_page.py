"""The page about coupons: its calls are made as they stand, and answered as it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from loyalty_api.coupons import rules
from loyalty_api.rating.rules_program import check_document
from tests.coupons.printing import make
from tests.docs import markdown
from tests.docs.test_rewards_page import call, filled
from tests.purchases.racing import breaches
from tests.support.shop import Reply, Shop

PAGE = markdown.read("docs/coupons.md")


def remembered(first: str, document: dict[str, str], reply: Reply) -> dict[str, str]:
    """What the page's later calls name: the batch, its first code, and the member's own coupon."""
    if first.endswith("/coupon-batches"):
        return {"$BATCH": document["batch_id"]}
    if first.endswith("/codes"):
        return {"$CODE": document["code"], "$COUPON": document["coupon_id"]}
    return {"$OWN": reply["data"][0]["coupon_id"]} if first == "GET /v1/me/coupons" else {}


def test_the_page_is_answered_as_it_says(fresh_shop: Shop) -> None:
    shop, now = fresh_shop, datetime.now(UTC)
    document = json.loads(markdown.blocks(PAGE, "json")[0].text)
    assert check_document(document) == ()
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    member = shop.enrol("9820000000001")
    callers = {"till": shop.till, "office": shop.office, "app": shop.member(member)}
    known = {"$MEMBER": member, "$NOW": now.isoformat(), "$TODAY": now.date().isoformat()}
    blocks = markdown.blocks(PAGE, "http till", "http office", "http app", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        first, _, body = asked.text.strip().partition("\n")
        reply = call(callers[asked.kind.removeprefix("http ")], filled(first, known), filled(body, known))
        found = reply.lines[0] if reply.body is None else reply.body
        difference = markdown.differs(json.loads(filled(answered.text, known)), found)
        assert difference == "", f"{first}: {difference}"
        known |= remembered(first, found, reply)
        make(shop)
    assert breaches(shop) == []


def test_the_words_are_those_there_are() -> None:
    states = markdown.table(PAGE, "`state`", "the coupon")
    assert [markdown.code(row[0])[0] for row in states] == list(rules.STATES)
    kinds = markdown.table(PAGE, "`kind`", "a code can be used", "by")
    assert [markdown.code(row[0])[0] for row in kinds] == list(rules.KINDS)
    refusals = PAGE[PAGE.index("A coupon that cannot be used is refused") :].partition("A till that")[0]
    assert markdown.code(refusals) == [
        "coupon_unknown", "coupon_used", "coupon_expired", "coupon_not_yet_valid", "coupon_not_here",
        "coupon_not_yours", "coupon_not_activated", "coupon_reserved",
    ]  # fmt: skip
    assert {refusal.code for refusal in rules.REFUSALS} == set(markdown.code(refusals))
