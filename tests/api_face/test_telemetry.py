"""What operators see: one line and one count a request, with nothing in it about anybody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import psycopg
import pytest
from flask.testing import FlaskClient

from loyalty_api import telemetry
from loyalty_api.errors import NotFound


@pytest.fixture
def lines(app: flask.Flask) -> Iterator[list[dict[str, Any]]]:
    """The access lines of the test's requests."""
    found: list[dict[str, Any]] = []
    before = telemetry._access.write
    telemetry._access.write = lambda line: found.append(json.loads(line))
    yield found
    telemetry._access.write = before


def test_a_request_keeps_the_id_that_its_caller_gave_it(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"X-Request-Id": "till-7.2026_11"})
    assert answer.headers["X-Request-Id"] == "till-7.2026_11"
    assert answer.json["request_id"] == "till-7.2026_11"  # type: ignore[index]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "å", "<script>", "a\tb"])
def test_an_id_that_is_not_one_is_replaced(client: FlaskClient, given: str) -> None:
    found = client.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert found != given
    assert found.startswith("req_")


def test_every_request_has_an_id_of_its_own(client: FlaskClient) -> None:
    assert len({client.get("/livez").headers["X-Request-Id"] for _ in range(100)}) == 100


def test_a_request_leaves_one_line(client: FlaskClient, lines: list[dict[str, Any]]) -> None:
    answer = client.get("/livez")
    (line,) = lines
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["level"], line["event"], line["method"]) == ("info", "request", "GET")
    assert (line["operation"], line["status"], line["client"]) == ("livez", 200, None)


def test_a_line_tells_nothing_of_paths_queries_and_bodies(
    client: FlaskClient, lines: list[dict[str, Any]]
) -> None:
    secret = "4791234567"
    client.get(f"/v1/stores/{secret}?card={secret}", headers={"Authorization": f"Bearer {secret}"})
    client.post(f"/{secret}", data=secret)
    assert [line["operation"] for line in lines] == ["get_store", "none"]
    assert secret not in json.dumps(lines)


def test_an_error_is_told_by_its_kind_and_its_place_and_not_by_its_message() -> None:
    secret = "ola@example.com"
    try:
        try:
            raise psycopg.errors.UniqueViolation(f"Key (email)=({secret}) already exists")
        except psycopg.Error as error:
            raise ValueError(secret) from error
    except ValueError as error:
        told = telemetry.described(error)
    assert told["kind"] == "builtins.ValueError"
    assert told["at"][0].endswith("test_an_error_is_told_by_its_kind_and_its_place_and_not_by_its_message")
    assert (told["cause"]["kind"], told["cause"]["sqlstate"]) == ("psycopg.errors.UniqueViolation", "23505")
    assert secret not in json.dumps(told)


def test_our_own_errors_may_speak() -> None:
    assert telemetry.described(NotFound("There is no such store."))["message"] == "There is no such store."


def test_the_standard_library_logs_as_we_do() -> None:
    script = (
        "import logging; from loyalty_api import telemetry\n"
        "telemetry.configure_logging('warning')\n"
        "logging.getLogger('x').info('quiet')\n"
        "try: int('x4791234567')\n"
        "except ValueError: logging.getLogger('x').exception('odd', extra={'kind': 'test'})\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    (line,) = [json.loads(line) for line in run.stderr.splitlines()]
    assert (line["level"], line["event"], line["logger"], line["kind"]) == ("error", "odd", "x", "test")
    assert line["error"]["kind"] == "builtins.ValueError"
    assert "4791234567" not in run.stderr


def test_requests_are_counted_by_operation_and_status(client: FlaskClient) -> None:
    def count() -> float:
        prefix = 'loyalty_requests_total{operation="livez",status="200"} '
        rows = client.get("/metrics").get_data(as_text=True).splitlines()
        return sum(float(row.removeprefix(prefix)) for row in rows if row.startswith(prefix))

    before = count()
    for _ in range(3):
        client.get("/livez")
    assert count() == before + 3


def test_addresses_that_lead_nowhere_are_counted_together(client: FlaskClient) -> None:
    for path in ("/a", "/b", "/c"):
        client.get(path)
    text = client.get("/metrics").get_data(as_text=True)
    assert 'loyalty_requests_total{operation="none",status="404"}' in text
    assert "/a" not in text


def test_processes_count_together(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from loyalty_api import telemetry\n"
        "telemetry.collect_in(Path(sys.argv[1]))\n"
        "for _ in range(2):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        telemetry.metrics().count('livez', 200, 0.001); os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "print(telemetry.exposition()[0].decode())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert 'loyalty_requests_total{operation="livez",status="200"} 2.0' in run.stdout
