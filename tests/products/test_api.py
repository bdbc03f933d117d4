"""The product master over HTTP: a file in, one answer a line back."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from loyalty_api import clock, masters, ndjson
from loyalty_api.db import Database, driver
from loyalty_api.documents import LONGEST_LINE
from loyalty_api.masters import CHUNK
from loyalty_api.products import service
from loyalty_api.products.api import PRODUCT_EXAMPLE
from tests.support.lines import NDJSON, results, written


def upload(client: FlaskClient, *documents: Any) -> list[dict[str, Any]]:
    return results(client.put("/v1/products", data=written(documents), content_type=NDJSON))


def statuses(client: FlaskClient, *documents: Any) -> list[str]:
    return [result["status"] for result in upload(client, *documents)]


def version(database: Database) -> int:
    with database.unit_of_work() as session:
        row = (
            driver(session).execute("SELECT version FROM master_versions WHERE name = 'products'").fetchone()
        )
    assert row is not None
    return int(row[0])


def test_a_product_is_read_back_as_it_was_sent(client: FlaskClient) -> None:
    assert upload(client, PRODUCT_EXAMPLE) == [
        {"index": 0, "sku": PRODUCT_EXAMPLE["sku"], "status": "created", "code": None, "errors": []}
    ]
    assert client.get(f"/v1/products/{PRODUCT_EXAMPLE['sku']}").json == PRODUCT_EXAMPLE


def test_a_line_replaces_the_whole_product(client: FlaskClient) -> None:
    upload(client, PRODUCT_EXAMPLE)
    assert statuses(client, {"sku": PRODUCT_EXAMPLE["sku"], "name": "Cream"}) == ["updated"]
    left = client.get(f"/v1/products/{PRODUCT_EXAMPLE['sku']}").json
    assert left is not None
    assert (left["name"], left["category"], left["brand"], left["cost"]) == ("Cream", [], None, None)


def test_the_same_file_again_changes_nothing(client: FlaskClient, database: Database) -> None:
    upload(client, PRODUCT_EXAMPLE)
    before = version(database)
    assert statuses(client, PRODUCT_EXAMPLE) == ["unchanged"]
    assert version(database) == before


def test_a_chunk_that_changes_something_counts_the_version_up_once(
    client: FlaskClient, database: Database
) -> None:
    before = version(database)
    upload(client, *[{"sku": str(n), "name": "n"} for n in range(CHUNK + 1)])
    assert version(database) == before + 2


def test_a_sku_that_comes_twice_stands_as_it_came_last(client: FlaskClient) -> None:
    lines = [{"sku": "a", "name": name} for name in ("one", "two", "two", "one")]
    assert statuses(client, *lines) == ["created", "updated", "unchanged", "updated"]
    assert client.get("/v1/products/a").json["name"] == "one"  # type: ignore[index]


def test_one_bad_line_holds_up_no_other(client: FlaskClient) -> None:
    found = upload(
        client,
        {"sku": "good", "name": "Good"},
        b"{not json\n",
        b"\r\n",
        {"sku": "bad", "name": "Bad", "unit": "dozen"},
        b'{"sku": "\\ud800", "name": "half a pair"}\n',
        b"[" * 5000 + b"\n",
        {"sku": "fine", "name": "Fine"},
    )
    assert [(r["index"], r["sku"], r["status"], r["code"]) for r in found] == [
        (0, "good", "created", None),
        (1, None, "rejected", "malformed_body"),
        (2, "bad", "rejected", "validation_failed"),
        (3, None, "rejected", "malformed_body"),
        (4, None, "rejected", "malformed_body"),
        (5, "fine", "created", None),
    ]
    assert found[2]["errors"][0]["pointer"] == "/unit"


def test_a_line_that_is_too_long_is_refused_alone(client: FlaskClient) -> None:
    long = {"sku": "a", "name": "n" * 2 * LONGEST_LINE}
    found = upload(client, long, {"sku": "b", "name": "B"})
    assert [(r["status"], r["code"]) for r in found] == [("rejected", "line_too_long"), ("created", None)]


def test_more_lines_than_allowed_are_refused_before_anything_is_stored(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_api.products.api.LIMITS", ndjson.Limits(size=1000, lines=2))
    lines = written([{"sku": str(n), "name": "n"} for n in range(3)])
    assert client.put("/v1/products", data=lines, content_type=NDJSON).status_code == 413
    assert client.put("/v1/products", data=b" " * 1001, content_type=NDJSON).status_code == 413
    assert client.get("/v1/products").json == {"data": [], "next_cursor": None}


def test_another_content_type_is_not_read(client: FlaskClient) -> None:
    answer = client.put("/v1/products", json=PRODUCT_EXAMPLE)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")  # type: ignore[index]


def test_an_empty_file_is_answered_by_nothing(client: FlaskClient) -> None:
    assert upload(client) == []


def test_batches_take_turns_in_a_process(client: FlaskClient) -> None:
    lines = written([{"sku": str(n), "name": "n"} for n in range(2 * CHUNK)])
    first = client.put("/v1/products", data=lines, content_type=NDJSON, buffered=False)
    second = client.put("/v1/products", data=lines, content_type=NDJSON)
    assert (second.status_code, second.json["code"]) == (429, "batch_running")  # type: ignore[index]
    assert second.headers["Retry-After"] == "2"
    first.close()
    assert statuses(client, {"sku": "0", "name": "n"}) == ["unchanged"]


def test_of_uploads_that_meet_exactly_one_creates_each_product(database: Database) -> None:
    barrier, made = threading.Barrier(2), list[str]()

    def send(round_: int, skus: range) -> None:
        lines = (written([{"sku": f"{round_}-{n}", "name": "n"}]) for n in skus)
        barrier.wait()
        for piece in masters.load(database.unit_of_work, service.MASTER, lines, now=clock.now(), by="x"):
            made.extend(json.loads(line)["status"] for line in piece.splitlines())

    for round_ in range(5):
        upwards = threading.Thread(target=send, args=(round_, range(200)))
        downwards = threading.Thread(target=send, args=(round_, range(199, -1, -1)))
        for thread in (upwards, downwards):
            thread.start()
        for thread in (upwards, downwards):
            thread.join()
    assert Counter(made) == {"created": 1000, "unchanged": 1000}


def test_lists_come_in_pages_in_the_order_of_skus(client: FlaskClient) -> None:
    upload(client, *[{"sku": sku, "name": "n"} for sku in ("c", "a", "b")])
    first = client.get("/v1/products?limit=2").json
    assert first is not None
    rest = client.get(f"/v1/products?limit=2&cursor={first['next_cursor']}").json
    assert rest is not None
    assert [product["sku"] for product in first["data"] + rest["data"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "WzFd", "W10", "%00", "WyJcdTAwMDAiXQ"])
def test_a_cursor_that_is_not_ours_is_refused(client: FlaskClient, cursor: str) -> None:
    assert client.get(f"/v1/products?cursor={cursor}").status_code == 422


def test_an_unknown_product_is_said_to_be_unknown(client: FlaskClient) -> None:
    answer = client.get("/v1/products/nothing")
    assert (answer.status_code, answer.json["code"]) == (404, "product_unknown")  # type: ignore[index]


def test_odd_skus_in_the_path_are_unknown_and_nothing_worse(client: FlaskClient) -> None:
    for path in ("%00", "a%00b", "%F0%9F%A5%9B", "x" * 5000, "%FF"):
        assert client.get(f"/v1/products/{path}").status_code == 404
