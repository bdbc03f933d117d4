"""The service does to a member's points what plain arithmetic says, whatever is done in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.conftest import _copy
from tests.model import goods, ledger, spending
from tests.model.driving import LIMITS, Tally, differs, epoch, shop_in, shortest, world_in
from tests.model.terms import Life, Terms
from tests.model.twins import Twin, World
from tests.purchases.racing import breaches_in

# What programs differ in, one after the other: each holds for four years.
PROGRAMS = (
    Terms(),
    Terms(Life(waits=3, days=20), Life(days=5), grace_days=2, till_hours=30),
    Terms(Life(months=1), Life(waits=7), reach="within_balance", late_is_debt=False),
    Terms(Life(waits=2, days=9), Life(months=2), exact=True, reach="pending_only", app_days=3),
    Terms(Life(days=6), Life(days=6), exact=True, grace_days=1, till_hours=200),
    Terms(Life(waits=1), Life(waits=1, days=4)),
)
_YEARS = 4
_SHORT = settings(
    max_examples=14, stateful_step_count=26, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
which = st.integers(0, 5)


def _starts(number: int) -> datetime:
    return datetime(2031 + _YEARS * number, 1, 31, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(running: Engines, template: str) -> Iterator[World]:
    database = Database(_copy(running, template), threads=4, server_limits=LIMITS)
    yield World(
        shop_in(database), [(_starts(n) - timedelta(days=30), terms) for n, terms in enumerate(PROGRAMS)]
    )
    database.close()


class Membership(RuleBasedStateMachine):
    """One member's life under one of the programs."""

    world: World

    @initialize(program=st.integers(0, len(PROGRAMS) - 1))
    def enrol(self, program: int) -> None:
        self.now = _starts(program)
        self.twin = Twin(self.world, self.now)

    @rule(
        points=st.integers(1, 120),
        units=st.integers(1, 4),
        hours_ago=st.sampled_from((0, 0, 30, 400)),
        fruit=st.booleans(),
    )
    def sell(self, points: int, units: int, hours_ago: int, fruit: bool) -> None:
        self.twin.step(("sell", points, units, hours_ago, fruit), self.now)

    @precondition(lambda self: self.twin.sales)
    @rule(which=which, units=st.integers(0, 4))
    def bring_back(self, which: int, units: int) -> None:
        self.twin.step(("bring_back", which, units), self.now)

    @precondition(lambda self: self.twin.sales)
    @rule(which=which)
    def void(self, which: int) -> None:
        self.twin.step(("void", which), self.now)

    @precondition(lambda self: self.twin.returns)
    @rule(which=which)
    def undo(self, which: int) -> None:
        self.twin.step(("undo", which), self.now)

    @rule(points=st.integers(-150, 60).filter(bool), may_owe=st.booleans())
    def adjust(self, points: int, may_owe: bool) -> None:
        self.twin.step(("adjust", points, may_owe), self.now)

    @rule(points=st.integers(1, 100), in_app=st.booleans())
    def hold(self, points: int, in_app: bool) -> None:
        self.twin.step(("hold", points, in_app), self.now)

    @precondition(lambda self: self.twin.holds)
    @rule(which=which, share=st.sampled_from((0, 30, 100)), minutes_ago=st.sampled_from((0, 0, 200, 3000)))
    def capture(self, which: int, share: int, minutes_ago: int) -> None:
        self.twin.step(("capture", which, share, minutes_ago), self.now)

    @precondition(lambda self: self.twin.holds)
    @rule(which=which)
    def release(self, which: int) -> None:
        self.twin.step(("release", which), self.now)

    @precondition(lambda self: self.twin.holds)
    @rule(which=which, points=st.integers(0, 30))
    def reverse(self, which: int, points: int) -> None:
        self.twin.step(("reverse", which, points), self.now)

    @rule(hours=st.sampled_from((1, 26, 24 * 7, 24 * 33)))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def wait_for_midnight(self) -> None:
        self.now = self.now.replace(hour=0, minute=0) + timedelta(days=1)

    @rule(job=st.sampled_from(("settle", "release_holds")))
    def run_job(self, job: str) -> None:
        self.world.run_job(job, self.now)

    @invariant()
    def the_service_and_the_model_say_the_same(self) -> None:
        self.world.compare([self.twin], self.now)


def test_a_membership_of_any_kind_comes_to_what_the_model_says(world: World) -> None:
    run_state_machine_as_test(type("Member", (Membership,), {"world": world}), settings=_SHORT)
    for job in ("release_holds", "settle"):
        world.run_job(job, _starts(len(PROGRAMS)))
    assert breaches_in(world.shop.database) == []


def test_many_memberships_at_once_come_to_what_the_model_says(running: Engines, template: str) -> None:
    database, tally, random = (
        Database(_copy(running, template), threads=4, server_limits=LIMITS),
        Tally(),
        Random(7),
    )
    epoch(world_in(database, random), random, 0, tally, most=280)
    database.close()
    assert (tally.differences, tally.breaches, tally.steps) == ([], [], 280)


def test_a_service_that_is_wrong_is_found_out_by_the_shortest_history(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [
        (0.0, ("sell", 100, 3, 0, False)), (60.0, ("adjust", 10, False)), (90.0, ("hold", 30, False)),
        (120.0, ("capture", 0, 0, 0)), (200.0, ("sell", 7, 1, 0, False)), (300.0, ("reverse", 0, 5)),
    ]  # fmt: skip
    assert differs(world, history) is None
    monkeypatch.setattr(ledger.Ledger, "arrive", lambda ledger, lot, points: None)
    assert [step[0] for _, step in shortest(world, history)[0]] == ["sell"]


@pytest.mark.parametrize("page", [ledger, spending, goods])
def test_the_model_is_short_and_shares_nothing_with_the_product(page: object) -> None:
    text = Path(page.__file__ or "").read_text()  # type: ignore[attr-defined]
    assert len([line for line in text.splitlines() if line.strip()]) < 100
    assert "loyalty_api" not in text
