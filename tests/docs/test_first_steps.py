"""The commands of the README and of the till's guide do what the pages say, on a running server."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.docs import markdown
from tests.docs.conftest import Place
from tests.docs.shell import follow

GUIDE = markdown.read("docs/till.md")
LINES = markdown.table(GUIDE, "what comes", "line 2", "points", "`discrepancies`")
RECEIPTS = markdown.table(GUIDE, "what comes", "what is changed", "points", "`discrepancies`")
REFUSED = markdown.table(GUIDE, "what comes", "what is changed", "status", "`code`")
RETURNED = markdown.table(GUIDE, "what comes back", "what is changed", "status", "`code` of the refusal")
CARD = {"kind": "card", "value": "K-1001"}


def test_a_newcomer_makes_a_purchase_with_the_commands_of_the_readme(demo: Place) -> None:
    page = markdown.section(markdown.read("README.md"), "Your first purchase, in five minutes")
    filled_in, *steps = markdown.blocks(page, "sh", "json answer")
    asked = {line.partition("=")[0] for line in filled_in.text.splitlines()}
    assert asked == set(demo.variables)
    assert follow(steps, env=demo.variables, folder=demo.folder) == 4


def test_what_the_demo_prints_can_be_tried_as_it_stands(demo: Place) -> None:
    """The page of the API is where the demo says it is."""
    page = subprocess.run(["curl", "-sf", demo.variables["API"] + "/docs"], capture_output=True, check=True)
    assert b"<html" in page.stdout


@pytest.fixture(scope="module")
def lane(installation: Place) -> Place:
    """The till's guide, followed to its end; its cards are there for the tables that come after it."""
    steps = markdown.blocks(GUIDE, "sh", "json answer")
    assert follow(steps, env=installation.variables, folder=installation.folder) == 6
    office = installation.variables["OFFICE"]
    body = {"identifiers": [{"kind": "card", "value": "K-BLOCKED"}]}
    _, member = installation.post("/v1/members", body, token=office, key="enrol-blocked")
    path = f"/v1/members/{member['member_id']}/block"
    status, _ = installation.post(path, {"reason": "misuse"}, token=office, key="block")
    assert status == 200
    return installation


def test_the_tills_guide_can_be_followed(lane: Place) -> None:
    assert lane.variables["STORE"] == "str_0412"


def _sale(place: Place) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "store": place.variables["STORE"],
        "terminal": "7",
        "business_date": now.date().isoformat(),
        "reference": uuid.uuid4().hex,
        "occurred_at": now.isoformat(),
        "currency": "NOK",
        "identifier": CARD,
        "lines": [{"line_id": "1", "amount": 1000}],
    }


def _send(place: Place, sale: dict[str, Any]) -> tuple[int, Any]:
    token = place.token(place.variables["CLIENT"], place.variables["SECRET"])
    return place.post("/v1/purchases", sale, token=token)


def _paid(lines: list[dict[str, Any]]) -> int:
    return sum(line["amount"] - sum(given["amount"] for given in line.get("discounts", ())) for line in lines)


def _changed(cell: str) -> Iterator[tuple[str, Any]]:
    """What a row changes; ``+10 minutes`` becomes that moment."""
    (text,) = markdown.code(cell)
    for name, value in json.loads(text).items():
        amount, _, unit = str(value).partition(" ")
        if name == "occurred_at" and unit:
            yield name, (datetime.now(UTC) + timedelta(**{unit: int(amount)})).isoformat()
        else:
            yield name, value


def _codes(answer: dict[str, Any]) -> list[str]:
    return [odd["code"] for odd in answer["discrepancies"]]


@pytest.mark.parametrize(("what", "line", "points", "codes"), LINES, ids=[row[0] for row in LINES])
def test_dirty_lines_become_what_the_guide_says(
    lane: Place, what: str, line: str, points: str, codes: str
) -> None:
    lines = [{"line_id": "1", "amount": 1000}, {"line_id": "2", **json.loads(markdown.code(line)[0])}]
    status, answer = _send(lane, {**_sale(lane), "lines": lines, "total": _paid(lines)})
    assert status == 201, answer
    assert (answer["points"]["earned"], _codes(answer)) == (int(points), markdown.code(codes))


@pytest.mark.parametrize(("what", "change", "points", "codes"), RECEIPTS, ids=[row[0] for row in RECEIPTS])
def test_dirty_receipts_become_what_the_guide_says(
    lane: Place, what: str, change: str, points: str, codes: str
) -> None:
    status, answer = _send(lane, {**_sale(lane), "total": 1000, **dict(_changed(change))})
    assert status == 201, answer
    assert (answer["points"]["earned"], _codes(answer)) == (int(points), markdown.code(codes))


@pytest.mark.parametrize(("what", "change", "status", "codes"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_read_is_refused_as_the_guide_says(
    lane: Place, what: str, change: str, status: str, codes: str
) -> None:
    found, answer = _send(lane, {**_sale(lane), "total": 1000, **dict(_changed(change))})
    assert (found, [answer["code"]]) == (int(status), markdown.code(codes))


@pytest.mark.parametrize(("what", "change", "status", "codes"), RETURNED, ids=[row[0] for row in RETURNED])
def test_goods_come_back_as_the_guide_says(
    lane: Place, what: str, change: str, status: str, codes: str
) -> None:
    lines = [
        {"line_id": "1", "quantity": 2, "amount": 1000},
        {"line_id": "2", "quantity": 734, "unit": "g", "amount": 2000},
    ]
    sale = {**_sale(lane), "lines": lines, "total": 3000}
    assert _send(lane, sale)[0] == 201
    named = ("store", "terminal", "business_date", "reference")
    body = {name: sale[name] for name in (*named, "occurred_at")}
    body |= {"original": {name: sale[name] for name in named}, "reference": uuid.uuid4().hex}
    token = lane.token(lane.variables["CLIENT"], lane.variables["SECRET"])
    found, answer = lane.post("/v1/returns", {**body, **dict(_changed(change))}, token=token)
    assert (found, [answer[name] for name in ("code",) if name in answer]) == (
        int(status), markdown.code(codes),
    )  # fmt: skip


def test_a_training_receipt_is_ignored(lane: Place) -> None:
    assert _send(lane, {**_sale(lane), "total": 1000, "kind": "training"}) == (200, {"status": "ignored"})
