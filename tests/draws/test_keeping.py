"""Days from their commitment to their reveal: in their order, once, and never while somebody draws on them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from click.testing import CliRunner

from loyalty_api.cli import main
from loyalty_api.db import driver
from loyalty_api.draws import keeping, queries
from loyalty_api.draws.rules import NOTHING_BEFORE, unbroken
from loyalty_api.gifts import draw_days
from loyalty_api.wire import round_trip
from tests.draws.days import NOW, TODAY, day, keep, lucky, open_draws, vault
from tests.purchases.racing import at_once, breaches
from tests.support.shop import Shop

JUMP = 12


@pytest.fixture(scope="module")
def kept(shop: Shop) -> Shop:
    """A shop whose draws began some days ago."""
    open_draws(shop, lucky(), days=3)
    return shop


def days(shop: Shop) -> list[queries.DayRow]:
    """All days, the earliest first."""
    with shop.database.unit_of_work() as session:
        return queries.days(driver(session), before=None, limit=100)[::-1]


def test_days_are_committed_in_a_row_before_they_begin(kept: Shop) -> None:
    found = days(kept)
    assert [row.day for row in found] == [day(n) for n in range(-2, 3)]
    assert all(row.committed_at < row.begins_at for row in found)
    assert found[0].previous == NOTHING_BEFORE
    assert unbroken([(row.previous, row.commitment) for row in found])


def test_workers_at_once_commit_each_day_once(kept: Shop) -> None:
    at_once(*[partial(keep, kept, NOW + timedelta(days=2))] * 6)
    found = days(kept)
    assert [row.day for row in found] == [day(n) for n in range(-2, 5)]
    assert unbroken([(row.previous, row.commitment) for row in found])


def test_a_clock_that_jumps_finds_every_day_committed_in_time(kept: Shop) -> None:
    draw_days.keep_through(
        kept.database.unit_of_work,
        vault=vault(kept),
        since=NOW + timedelta(days=2),
        now=NOW + timedelta(days=JUMP),
    )
    found = days(kept)
    assert [row.day for row in found] == [day(n) for n in range(-2, JUMP + 3)]
    assert all(row.committed_at < row.begins_at for row in found)
    revealed = [row.day for row in found if row.revealed_at]
    assert revealed == [row.day for row in found if row.reveals_at <= NOW + timedelta(days=JUMP)]
    assert breaches(kept) == []


def test_a_day_is_not_revealed_while_somebody_draws_on_it(kept: Shop) -> None:
    later = NOW + timedelta(days=JUMP + 1)
    waiting = next(row.day for row in days(kept) if row.revealed_at is None)
    reveal = partial(keeping.reveal_next, vault=vault(kept), now=later)
    with kept.database.unit_of_work() as drawing:
        round_trip(driver(drawing), [(queries.OPEN_DAYS, ["{}", "{}", "{}", f"{{{waiting}}}"])])
        with kept.database.unit_of_work() as session:
            assert reveal(session) is None
    with kept.database.unit_of_work() as session:
        assert reveal(session) == waiting


def test_the_commands_say_what_they_take() -> None:
    run = partial(CliRunner().invoke, main)
    assert run(["draws", "check", "--url", "https://x.example", "--file", __file__]).exit_code == 2
    assert run(["draws", "check", "--file", __file__, "--day", str(TODAY)]).exit_code == 1
    assert run(["draws", "fairness", "--from", "yesterday", "--to", "today"]).exit_code == 2
