"""From what was sold to what a quote suggests: the job, the quote, and the page for the marketer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import jobs
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules import check_document
from tests.docs import markdown
from tests.promotions.till import of, quote
from tests.purchases.racing import breaches
from tests.support.shop import BASIC, Reply, Shop, receipt

NOW = datetime.now(UTC)
PAGE = markdown.read("docs/suggestions.md")
SECTION: dict[str, Any] = {
    "most": 3,
    "min_lift_percent": 100,
    "pinned": [{"with": {"sku": ["chair"]}, "add": "cushion"}],
    "blocked": ["flyer"],
}
GIFT = {
    "id": "cushion_for_a_chair", "name": "Cushion", "trigger": {"purchase": {}}, "cost": 300,
    "when": {"lines": {"where": {"sku": ["chair"]}, "amount": {"at_least": 50000}}},
    "give": {"free_item": {"sku": "cushion"}},
}  # fmt: skip
PROGRAM: dict[str, Any] = {
    **BASIC,
    "suggestions": SECTION,
    "promotions": [
        {"id": "biscuits", "name": "Biscuits", "where": {"sku": ["biscuits"]},
         "benefit": {"percent": {"off": "20", "on": "lines"}}},
        {"id": "all", "benefit": {"percent": {"off": "1", "on": "basket"}}},
        {"id": "mug", "benefit": {"buy_get": {"buy": {"where": {"sku": ["tea"]}}, "get": {"added": "mug"}}}},
    ],
    "gifts": {"rules": [GIFT]},
}  # fmt: skip
GOODS = ("tea", "biscuits", "milk", "mug", "chair", "cushion", "flyer")


def sell(shop: Shop, *skus: str, store: str = "str_1", at: datetime = NOW, card: str | None = None) -> Reply:
    lines = [of(1000 + n, sku, n) for n, sku in enumerate(skus, start=1)]
    till = shop.caller("terminal", store=store)
    reply = till.post("/v1/purchases", receipt(*lines, card=card, at=at, store=store), key=None)
    assert reply.status == 201, reply.body
    return reply


def _job(shop: Shop, after: timedelta, limit: jobs.Limit) -> int:
    done = jobs.JOBS["refresh_suggestions"].run(shop.database, datetime.now(UTC) + after, limit)
    assert isinstance(done, int)
    return done


def refresh(shop: Shop, *, after: timedelta = timedelta(0)) -> int:
    """Count anew, and have this process look at it now and not in a few seconds."""
    pairs = _job(shop, after, jobs.FOR_EVER)
    desk: Desk = shop.app.extensions["desk"]
    desk.suggestions._looked_at = float("-inf")
    return pairs


@pytest.fixture(scope="module")
def open_shop(shop: Shop) -> Shop:
    """A shop that has sold tea with biscuits to members and to others, and nothing yet of what was long ago."""
    shop.publish(PROGRAM, effective_from=NOW - timedelta(days=300))
    masters = [{"sku": sku, "name": sku.title(), "category": ["Things"]} for sku in GOODS]
    assert shop.office.upload("PUT", "/v1/products", masters).status == 200
    shop.enrol("PROMO")
    for n in range(8):
        sell(shop, "tea", "biscuits", "flyer", card="PROMO" if n % 2 else None)
        sell(shop, "milk", "tea" if n < 7 else "bread", store="str_2", at=NOW - timedelta(hours=n))
        sell(shop, "tea", "cigar", "nameless")
        sell(shop, "bread", store="str_2")
        sell(shop, "bread", "apple", "mug" if n < 5 else "chair", at=NOW - timedelta(days=200))
    undone = sell(shop, "tea", "mug")
    assert shop.till.post(f"/v1/purchases/{undone['purchase_id']}/void", {"reason": "mistake"}).status < 300
    assert refresh(shop) > 0
    return shop


def test_a_quote_suggests_what_goes_with_the_basket_and_says_why(open_shop: Shop) -> None:
    quoted = quote(open_shop, of(3000, "tea"), receipt={"language": "nb"})
    mug, biscuits, milk = quoted["suggestions"]
    assert (mug["kind"], mug["rule"], mug["add"]["sku"]) == ("promotion", "mug", "mug")
    assert biscuits == {
        "kind": "bought_together", "rule": "biscuits", "gift": None,
        "add": {"sku": "biscuits", "quantity": 1}, "name": "Biscuits",
        "because": {"sku": "tea", "together": 8, "of": 23},
        "text": "Kjøpes ofte sammen med Tea: i 8 av 23 handlekurver",
    }  # fmt: skip
    assert (milk["add"]["sku"], milk["rule"], milk["because"]["together"]) == ("milk", None, 7)
    both = quote(open_shop, of(3000, "tea"), of(1000, "biscuits", 2))
    assert [one["add"]["sku"] for one in both["suggestions"]] == ["mug", "milk"]
    (on_the_page,) = markdown.blocks(PAGE, "json suggestion")
    assert json.loads(on_the_page.text) == quote(open_shop, of(3000, "tea"))["suggestions"][1]
    assert biscuits["text"] != both["suggestions"][1]["text"] == "Often bought with Tea: in 7 of 23 baskets"


def test_the_marketers_own_idea_comes_first(open_shop: Shop) -> None:
    (pinned,) = quote(open_shop, of(90000, "chair"))["suggestions"]
    assert (pinned["kind"], pinned["because"], pinned["text"]) == ("pinned", None, "Goes well with Chair")
    assert (pinned["name"], pinned["gift"]) == ("Cushion", "cushion_for_a_chair")
    (paid_for,) = quote(open_shop, of(900, "chair"))["suggestions"]
    assert (paid_for["kind"], paid_for["gift"]) == ("pinned", None)


def test_the_page_tells_a_program_that_is_valid_and_every_kind_of_suggestion() -> None:
    assert check_document(json.loads(markdown.blocks(PAGE, "json")[0].text)) == ()
    kinds = markdown.table(PAGE, "`kind`", "why", "`because`")
    assert [markdown.code(row[0])[0] for row in kinds] == ["promotion", "pinned", "bought_together"]


def test_the_marketer_sees_what_goes_with_what_and_what_is_kept_out(open_shop: Shop) -> None:
    found = open_shop.office.get("/v1/suggestions?sku=tea&store=str_1")
    assert (found["bought"], found["baskets"]) == (23, 32)
    shown = {one["sku"]: (one["together"], one["kept_out"]) for one in found["data"]}
    assert shown == {
        "biscuits": (8, None), "flyer": (8, "blocked"), "cigar": (8, "excluded"),
        "nameless": (8, "unknown_product"), "milk": (7, None),
    }  # fmt: skip
    assert next(one for one in found["data"] if one["sku"] == "biscuits")["lift_percent"] == 139
    assert open_shop.office.get("/v1/suggestions?sku=nothing")["data"] == []
    assert open_shop.till.get("/v1/suggestions?sku=tea").status == 403
    assert open_shop.office.get("/v1/suggestions").status == 422


def test_it_is_counted_again_when_it_is_time_or_when_the_terms_change(open_shop: Shop) -> None:
    shop = open_shop
    before = shop.office.get("/v1/suggestions?sku=tea")["refreshed_at"]
    assert refresh(shop) == 0, "Seven days have not passed."
    assert refresh(shop, after=timedelta(days=8)) > 0
    assert shop.office.get("/v1/suggestions?sku=tea")["refreshed_at"] > before
    wider = {**SECTION, "weeks": 40}
    shop.publish({**PROGRAM, "suggestions": wider}, effective_from=NOW - timedelta(days=1))
    assert refresh(shop) > 0
    assert shop.office.get("/v1/suggestions?sku=apple")["bought"] == 8
    rows = shop.database.fetch_one("SELECT count(*), count(finished_at) FROM suggestion_refreshes", ())
    assert rows == (2, 2), "The one before is kept for those who are just reading it."
    assert breaches(shop) == []


def test_a_refresh_that_was_stopped_changes_nothing(open_shop: Shop) -> None:
    before = open_shop.office.get("/v1/suggestions?sku=tea").body
    stopped = jobs.Limit(told=lambda: True)
    assert _job(open_shop, timedelta(days=60), stopped) == 0
    with open_shop.database.unit_of_work() as session:
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.execute(
            "INSERT INTO suggestion_refreshes (refresh, began_at, weeks, min_baskets, min_lift_percent)"
            " VALUES (99, now(), 1, 5, 100)"
        )
        connection.execute("INSERT INTO suggestion_products VALUES (99, 0, 'tea', 1, NULL, '{}', '{}')")
    refresh(open_shop)
    assert open_shop.office.get("/v1/suggestions?sku=tea").body == before
    assert refresh(open_shop, after=timedelta(days=60)) > 0
    left = open_shop.database.fetch_one("SELECT count(*) FROM suggestion_products WHERE sku = 'tea'", ())
    assert left == (2,), "What was begun and never finished is gone."


def test_a_program_that_wants_none_has_none_and_counts_nothing(fresh_shop: Shop) -> None:
    fresh_shop.publish(
        {**PROGRAM, "suggestions": {**SECTION, "most": 0}}, effective_from=NOW - timedelta(days=1)
    )
    fresh_shop.enrol("PROMO")
    for _ in range(6):
        sell(fresh_shop, "apple", "bread")
    assert refresh(fresh_shop, after=timedelta(days=30)) == 0
    assert quote(fresh_shop, of(1000, "apple"))["suggestions"] == []
    assert fresh_shop.database.fetch_one("SELECT count(*) FROM suggestion_refreshes", ()) == (0,)
