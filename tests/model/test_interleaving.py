"""Transactions that collide, stepped statement by statement: it is always as if one came after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import psycopg
import pytest

from loyalty_api.db import Database, driver
from loyalty_api.engines import Engines
from loyalty_api.ledger import queries as ledger
from loyalty_api.members import service as members
from tests.conftest import _copy
from tests.docs.markdown import ROOT
from tests.model import scenes
from tests.model.driving import LIMITS
from tests.model.exploring import Explorer, NotSerial, Scene
from tests.model.scenes import SCENES
from tests.model.stepping import Scheduler, stepped
from tests.model.street import Street

SCHEDULES = 6


@contextmanager
def opened(running: Engines, template: str) -> Iterator[tuple[Street, Explorer]]:
    """Three tills whose connections can be stepped, and what steps them, in a database of their own."""
    database = Database(_copy(running, template), threads=8, server_limits=LIMITS)
    with stepped(database), psycopg.connect(running.database_url, autocommit=True) as observer:
        yield Street(database), Explorer(database, Scheduler(observer))
    database.close()


@pytest.fixture(scope="module")
def town(running: Engines, template: str) -> Iterator[tuple[Street, Explorer]]:
    """Where everything is right."""
    with opened(running, template) as found:
        yield found


@pytest.fixture(scope="module")
def ruin(running: Engines, template: str) -> Iterator[tuple[Street, Explorer]]:
    """Where things may break."""
    with opened(running, template) as found:
        yield found


@pytest.mark.parametrize("name", SCENES)
def test_whatever_the_schedule_it_is_as_if_one_came_after_the_other(
    town: tuple[Street, Explorer], name: str
) -> None:
    street, explorer = town
    found = explorer.explore(lambda: SCENES[name](street), most=SCHEDULES, random=Random(name))
    assert len(found.schedules) > 1


def test_the_page_names_every_scene() -> None:
    page = (ROOT / "docs/proof.md").read_text()
    assert set(SCENES) <= set(re.findall(r"`(\w+)`", page))


def test_every_schedule_of_two_tills_on_the_same_points_is_looked_at(town: tuple[Street, Explorer]) -> None:
    street, explorer = town
    found = explorer.explore(lambda: scenes.two_redeem(street), most=500, random=Random(1))
    assert found.complete
    assert {results for results, _ in found.outcomes} == {
        (("A", "held"), ("B", "insufficient_points")),
        (("A", "insufficient_points"), ("B", "held")),
    }


def test_who_reads_and_then_writes_without_a_lock_is_found_out(ruin: tuple[Street, Explorer]) -> None:
    street, explorer = ruin

    def scene() -> Scene:
        twin = street.member(100)

        def spend() -> str:
            with street.database.unit_of_work() as session:
                connection = driver(session)
                left = ledger.balances_of(connection, [twin.member_id])[twin.member_id].available - 60
                if left < 0:
                    return "too little"
                connection.execute(
                    "UPDATE balances SET available = %s WHERE member_id = %s", (left, twin.member_id)
                )
                return "spent"

        def look() -> int:
            with street.database.unit_of_work() as session:
                return ledger.balances_of(driver(session), [twin.member_id])[twin.member_id].available

        return Scene({"A": spend, "B": spend}, look)

    with pytest.raises(NotSerial, match=r"\('A', 'spent'\), \('B', 'spent'\)"):
        explorer.explore(scene, most=200, random=Random(1))


def test_redemptions_that_did_not_lock_their_member_would_be_found_out(
    ruin: tuple[Street, Explorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    street, explorer = ruin
    assert "FOR NO KEY UPDATE" in members.LOCK_NOW
    monkeypatch.setattr(members, "LOCK_NOW", members.LOCK_NOW.replace("FOR NO KEY UPDATE", ""))
    with pytest.raises((NotSerial, psycopg.errors.UniqueViolation)):
        explorer.explore(lambda: scenes.two_redeem(street), most=200, random=Random(1))
