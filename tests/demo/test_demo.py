"""``loyalty demo`` from nothing: real baskets, over HTTP, into a database of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from loyalty_api.engines import ensure_database
from tests.support.engines import data_folder, start

from .expected import expected_totals

DAYS = 3
# What points were used for and what came back until then, by the rules of who does.
SPENT = {"redemptions": 17, "points_redeemed": 1050, "returns": 37, "points_taken_back": 96}
FIGURES = [
    "members",
    "stores",
    "purchases",
    "lines",
    "paid_minor",
    "points_base",
    "points_bonus",
    "points_issued",
    *SPENT,
    "duplicates",
    "rejected",
    "verify",
    "seconds",
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


def start_demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "loyalty_api.cli", "demo", "--port", "0", *options]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return subprocess.Popen(
        words,
        env={**environment, "LOYALTY_DATA_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_demo(folder: Path, *options: str, days: int = DAYS) -> dict[str, Any]:
    """Run it to its end; the figures of its last line."""
    process = start_demo(folder, "--days", str(days), "--exit", "--json", *options)
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    found: dict[str, Any] = orjson.loads(said.splitlines()[-1])
    return found


def balances(folder: Path) -> list[tuple[Any, ...]]:
    """Every member's balance as the database has it."""
    with start(folder) as engines:
        _, url = ensure_database(engines, "loyalty_full")
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT * FROM balances ORDER BY member_id").fetchall()


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    """The first run, as tills."""
    return run_demo(folder)


def figures_of(*, days: int) -> dict[str, Any]:
    """What the files say that a first run must answer."""
    expected = expected_totals(days=days)
    points = expected.points_base + expected.points_bonus
    return {
        **asdict(expected), "points_issued": points, "duplicates": 0, "rejected": 0, "verify": "passed",
    }  # fmt: skip


def test_the_totals_are_those_of_the_data(first: dict[str, Any]) -> None:
    assert first == {**figures_of(days=DAYS), **SPENT, "seconds": first["seconds"]}


def test_the_figures_come_in_the_documented_order(first: dict[str, Any]) -> None:
    assert list(first) == FIGURES


def test_a_second_run_meets_only_duplicates_and_changes_nothing(folder: Path, first: dict[str, Any]) -> None:
    """Also when the first run reported as tills and the second one whole days at a time."""
    before = balances(folder)
    again = run_demo(folder, "--fast")
    assert again == {**first, "duplicates": first["purchases"], "seconds": again["seconds"]}
    assert balances(folder) == before


def test_whole_days_at_a_time_come_to_the_same_and_tills_change_nothing_after_them() -> None:
    with data_folder() as folder:
        fast, tills = run_demo(folder, "--fast", days=1), run_demo(folder, days=1)
        assert fast.items() >= figures_of(days=1).items()
        assert tills == {**fast, "duplicates": fast["purchases"], "seconds": tills["seconds"]}


def test_points_are_of_no_use_in_the_basic_program(folder: Path, first: dict[str, Any]) -> None:
    found = run_demo(folder, "--program", "basic", "--fast", days=1)
    assert found == {**figures_of(days=1), **dict.fromkeys(SPENT, 0), "seconds": found["seconds"]}


def test_the_secrets_are_for_the_user_alone(folder: Path, first: dict[str, Any]) -> None:
    secrets = folder / "demo" / "full.json"
    assert secrets.stat().st_mode & 0o777 == 0o600


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents that stand one behind the other, as calls of curl leave them."""
    place = 0
    while place < len(text):
        document, place = json.JSONDecoder().raw_decode(text, place)
        yield document


def test_it_serves_until_ctrl_c_and_what_it_says_to_try_works(folder: Path, first: dict[str, Any]) -> None:
    process = start_demo(folder, "--days", "1", "--fast")
    try:
        assert process.stdout is not None
        said = list(iter(process.stdout.readline, "Serving until Ctrl-C.\n"))
        commands = "".join(said[next(i for i, line in enumerate(said) if line.startswith("# Sign")) :])
        tried = subprocess.run(["sh", "-c", commands], capture_output=True, text=True, check=True).stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    purchase, member, used = documents(tried)
    assert purchase["points"]["earned"] == purchase["points"]["pending"] == 12
    assert purchase["discrepancies"] == []
    assert member["balance"]["available"] == purchase["balance"]["available"]
    assert (used["status"], used["captured"]["points"]) == ("captured", 20)
    assert used["balance"]["available"] == member["balance"]["available"] - 20
