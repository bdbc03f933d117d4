"""The page about using points: its calls are made as they stand, and answered as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.docs import markdown
from tests.purchases.racing import breaches
from tests.support.shop import Caller, Reply, Shop, line, receipt

PAGE = markdown.read("docs/rewards.md")
REMEMBERED = {
    "redemption_id": "$REDEMPTION",
    "reward_id": "$REWARD",
    "code": "$CODE",
    "purchase_id": "$PURCHASE",
}


def exchanges() -> Iterator[tuple[str, str, str, object]]:
    """Who calls, the call's first line, its body, and what the page says of the answer."""
    blocks = markdown.blocks(PAGE, "http till", "http office", "http app", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        first, _, body = asked.text.partition("\n")
        yield asked.kind.removeprefix("http "), first, body, json.loads(answered.text)


def filled(text: str, known: dict[str, str]) -> str:
    """The text with what earlier answers said in the place of the names that the page gives it."""
    return re.sub(r"\$[A-Z]+", lambda name: known[name[0]], text)


def call(caller: Caller, first: str, body: str) -> Reply:
    method, path = first.split(" ")
    return caller.get(path) if method == "GET" else caller.post(path, json.loads(body))


def test_the_page_is_answered_as_it_says(fresh_shop: Shop) -> None:
    shop = fresh_shop
    document = json.loads(markdown.blocks(PAGE, "json")[0].text)
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    member = shop.enrol("9700000000001")
    sold = receipt(line(100_000), card="9700000000001", currency="NOK")
    assert shop.till.post("/v1/purchases", sold, key=None)["points"]["earned"] == 1000
    callers = {"till": shop.till, "office": shop.office, "app": shop.member(member)}
    now = datetime.now(UTC)
    known = {"$MEMBER": member, "$NOW": now.isoformat(), "$TODAY": now.date().isoformat()}
    made = 0
    for who, first, body, said in exchanges():
        reply = call(callers[who], filled(first, known), filled(body, known))
        found = {**reply.body, "status": reply.body.get("status", reply.status)}
        assert markdown.differs(said, found) == "", f"{first}: {markdown.differs(said, found)}"
        known |= {
            name: reply.body[member]
            for member, name in REMEMBERED.items()
            if reply.status < 300
            and isinstance(reply.body.get(member), str)
            and "…" not in reply.body[member]
        }
        made += 1
    assert made >= 10
    assert breaches(shop) == []
