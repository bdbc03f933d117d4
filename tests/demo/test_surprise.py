"""The demo's surprise: published once, by whoever may, and shown against an even share of its budget."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from loyalty_api.demo.client import Connection, Credential, Refused, Tokens
from loyalty_api.demo.luck import course, curve, planned
from loyalty_api.demo.picture import picture
from loyalty_api.demo.programs import load_program
from loyalty_api.demo.surprise import BUDGET, FIRST, GIFTS, LAST, publish_surprise
from loyalty_api.rating.rules_program import check_document

from .shop import Received, Reply, open_shop

GIVER = Credential("cli_gifts", "secret")
PATH = "/v1/program/versions"


def published(versions: list[dict[str, Any]], answer: Reply) -> list[Received]:
    """What is sent to publish the surprise where these versions are, when the publication is so answered."""

    def api(request: Received) -> Reply:
        if request.method == "GET":
            return Reply(200, {"data": versions, "next_cursor": None})
        return answer if request.path.endswith("/publish") else Reply(201, {"program_version_id": "prv_1"})

    with open_shop(api) as shop:
        connection = Connection(host="127.0.0.1", port=shop.port, tokens=Tokens())
        try:
            publish_surprise(connection, by=GIVER, document={"currency": "USD"})
        finally:
            connection.close()
    return shop.received


def test_the_program_with_the_surprise_in_it_can_be_published() -> None:
    assert check_document({**load_program("full").document, "gifts": GIFTS}) == ()


def test_the_surprise_is_drafted_and_published_once() -> None:
    _, draft, publication = published([{"status": "draft", "document": {"gifts": {}}}], Reply(201, {}))
    assert orjson.loads(draft.body)["document"] == {"currency": "USD", "gifts": GIFTS}
    assert publication.path == f"{PATH}/prv_1/publish"
    assert len(published([{"status": "published", "document": {"gifts": GIFTS}}], Reply(201, {}))) == 1


def test_a_demo_that_has_shopped_before_goes_on_without_and_nothing_else_is_passed_over() -> None:
    assert len(published([], Reply(422, {"code": "publish_gate_failed"}))) == 3
    with pytest.raises(Refused):
        published([], Reply(403, {"code": "gift_terms_not_yours"}))


def test_an_even_share_spends_each_month_what_it_has() -> None:
    ends = [date(2017, month + 1, 1) - timedelta(days=1) for month in range(1, 12)] + [LAST]
    assert [planned(day) for day in ends] == [BUDGET * number for number in range(1, 13)]
    assert planned(FIRST) == 1_100


def test_the_course_is_shown_as_text_and_as_a_picture() -> None:
    spent = course({FIRST: 2_000, FIRST + timedelta(days=2): 1_000})
    assert [amount for _, amount in spent] == [2_000, 2_000, 3_000]
    assert len(curve(spent).splitlines()) == 11
    root = ElementTree.fromstring(picture(spent))
    lines = [found.get("points") or "" for found in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points.split()) for points in lines] == [4, 4]
    assert curve(course({})) == ""
