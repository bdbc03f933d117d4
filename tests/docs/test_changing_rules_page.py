"""The page about changing the rules: its calls are made as they stand, and answered as it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from loyalty_api.publishing.rules_lint import SEVERITIES
from tests.docs import markdown
from tests.docs.test_rewards_page import call, filled
from tests.support.shop import Shop

BEFORE = {
    "currency": "NOK",
    "time_zone": "Europe/Oslo",
    "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
}
WHOLE = markdown.read("docs/publishing.md")
# What it says of back-tests is tried in a shop of its own.
PAGE = WHOLE[: WHOLE.index("## Back-test")] + WHOLE[WHOLE.index("## The gate") :]


def test_the_page_is_answered_as_it_says(fresh_shop: Shop) -> None:
    shop = fresh_shop
    colleague = shop.caller("staff", scopes=("program:read", "program:approve", "program:pause"))
    callers = {"office": shop.office, "colleague": colleague}
    shop.publish(BEFORE, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    first = shop.office.get("/v1/program/versions")["data"][0]["program_version_id"]
    known = {"$FIRST": first, "$DOCUMENT": markdown.blocks(PAGE, "json")[0].text}
    blocks = markdown.blocks(PAGE, "http office", "http colleague", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        path, _, body = asked.text.partition("\n")
        reply = call(callers[asked.kind.removeprefix("http ")], filled(path, known), filled(body, known))
        known.setdefault("$DRAFT", reply.body.get("program_version_id", ""))
        difference = markdown.differs(json.loads(answered.text), reply.body)
        assert difference == "", f"{path}: {difference}"


def test_every_finding_stands_on_the_page_with_its_severities() -> None:
    rows = markdown.table(PAGE, "`code`", "severity", "what it says")
    told = {code: tuple(row[1].split(", ")) for row in rows for code in markdown.code(row[0])}
    assert told == SEVERITIES
