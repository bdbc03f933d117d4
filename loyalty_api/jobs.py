"""Work that runs by the clock: points that wake, expire and are announced, holds that nobody captured.

Each job walks through what is due in batches, one transaction each, waits for no lock and may be killed anywhere: what
it has not done is still due. Nothing that is shown depends on when a job ran (invariant 16). All are told the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.coupons import service as coupons
from loyalty_api.db import Database
from loyalty_api.errors import LoyaltyError
from loyalty_api.gifts import draw_days
from loyalty_api.gifts import service as gifts
from loyalty_api.giving import service as giving
from loyalty_api.ledger import overdue
from loyalty_api.ledger.overdue import START, Booked, Place
from loyalty_api.period_bonuses import service as periods
from loyalty_api.program import service as programs
from loyalty_api.publishing import backtests
from loyalty_api.purchases import forgetting, reserving
from loyalty_api.redemptions import service as redemptions
from loyalty_api.suggestions.service import refresh_due
from loyalty_api.tiers import overdue as levels
from loyalty_api.vault import Vault

MEMBERS_AT_ONCE = 500
_HOLDS_AT_ONCE = 200
_BROKEN = (LoyaltyError, psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError)
_log = logging.getLogger(__name__)


class Release(Protocol):
    """Lets go of up to ``limit`` things that nobody captured in time, one transaction; how many there were."""

    def __call__(self, session: Session, *, now: datetime, limit: int) -> int: ...


RELEASES: Sequence[Release] = (redemptions.release_due, reserving.release_due, gifts.pass_time)
"""What features hold back for a time only, each with its own way to let go of it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a job may go on: until a moment of the machine's clock (None: for ever), or until it is ``told``."""

    until: float | None = None
    told: Callable[[], bool] | None = None

    @property
    def reached(self) -> bool:
        """Whether no further batch may begin."""
        if self.told is not None and self.told():
            return True
        return self.until is not None and time.monotonic() >= self.until


FOR_EVER = Limit()


def settle(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> Booked:
    """Book every activation and expiry that is due; how many lots that were."""
    done, place = Booked(), START
    while not limit.reached:
        booked, reached = _settle_batch(database, place, now)
        done = Booked(done.activated + booked.activated, done.expired + booked.expired)
        if reached is None:
            break
        place = reached
    return done


def _settle_batch(database: Database, place: Place, now: datetime) -> tuple[Booked, Place | None]:
    """A batch; when something in it cannot be booked, its members one by one, so that the others are."""
    try:
        return _settle(database, place, now, MEMBERS_AT_ONCE)
    except (DBAPIError, *_BROKEN) as error:
        if not _is_broken(error):
            raise
        _log.exception("settle_batch_failed")
    done, reached = Booked(), place
    for _ in range(MEMBERS_AT_ONCE):
        booked, after = _settle_one(database, reached, now)
        done = Booked(done.activated + booked.activated, done.expired + booked.expired)
        if after is None:
            return done, None
        reached = after
    return done, reached


def _settle_one(database: Database, place: Place, now: datetime) -> tuple[Booked, Place | None]:
    """The next member, or nothing of one that cannot be booked: somebody has to look at that one."""
    try:
        return _settle(database, place, now, 1)
    except (DBAPIError, *_BROKEN) as error:
        if not _is_broken(error):
            raise
        with database.unit_of_work() as session:
            reached = overdue.pass_over(session, after=place, now=now)
        _log.exception("settle_member_failed", extra={"member_id": str(reached and reached.member_id)})
        return Booked(), reached


def _settle(database: Database, place: Place, now: datetime, members: int) -> tuple[Booked, Place | None]:
    with database.unit_of_work() as session:
        return overdue.settle_batch(session, after=place, first_id=ids.new(), now=now, limit=members)


def _is_broken(error: Exception) -> bool:
    """Whether it is the member's rows that are at fault, and not a database that has gone."""
    return isinstance(error.orig if isinstance(error, DBAPIError) else error, _BROKEN)


def announce(
    database: Database, *, now: datetime, since: datetime | None = None, limit: Limit = FOR_EVER
) -> int:
    """Tell of points that expire soon, as the program in force says; how many moments of how many members.

    What had expired by ``since`` (else ``now``) is not told of any more.
    """
    with database.unit_of_work() as session:
        program = programs.settings_in_force(session, now=now)
    if program is None or program.announce_days is None:
        return 0
    told, place = 0, START
    while not limit.reached:
        with database.unit_of_work() as session:
            more, reached = overdue.announce_batch(
                session, place=place, since=since or now, now=now, days=program.announce_days,
                zone=program.zone, limit=MEMBERS_AT_ONCE,
            )  # fmt: skip
        told += more
        if reached is None:
            break
        place = reached
    return told


def release_holds(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Let go of everything whose time to be captured is over; how many things that were."""
    return sum(_release(database, release, now, limit) for release in RELEASES)


def _release(database: Database, release: Release, now: datetime, limit: Limit) -> int:
    done = 0
    while not limit.reached:
        with database.unit_of_work() as session:
            done += (released := release(session, now=now, limit=_HOLDS_AT_ONCE))
        if released < _HOLDS_AT_ONCE:
            break
    return done


def settle_levels(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Book every level that time alone has changed; how many changes that were."""
    with database.unit_of_work() as session:
        through = levels.read_timeline(session, now=now)
    if not through:
        return 0
    done = 0
    for walk in levels.WALKS:
        place: levels.Place | None = levels.START
        while place is not None and not limit.reached:
            with database.unit_of_work() as session:
                changed, place = levels.settle_batch(
                    session, walk=walk, through=through, after=place, now=now, limit=MEMBERS_AT_ONCE
                )
            done += changed
    return done


def make_coupons(database: Database, vault: Vault, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Make every coupon that was asked for and is not there yet; how many those were."""
    done = 0
    while not limit.reached:
        with database.unit_of_work() as session:
            made = coupons.make_some(session, vault=vault, now=now)
        if not made:
            break
        done += made
    return done


def grant_gifts(database: Database, vault: Vault, *, now: datetime, limit: Limit = FOR_EVER) -> giving.Ran:
    """Grant every gift that is due by the calendar or waits on a list; what that came to."""
    return giving.run(database.unit_of_work, vault, new_id=ids.new, ended=lambda: limit.reached, now=now)


def replay(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Carry out the back-tests that were asked for; how many have ended."""
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    return backtests.run_waiting(database, clock=clock, told=lambda: limit.reached)


def settle_periods(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Settle the bonus of every period that is over, and what was found since; how many settlements that were."""
    return periods.settle_all(
        database.unit_of_work, new_id=ids.new, now=now, ended=lambda: limit.reached, limit=MEMBERS_AT_ONCE
    )


def purge_counters(database: Database, *, now: datetime, limit: Limit = FOR_EVER) -> int:
    """Forget counters and budgets of periods that nothing can reach any more; how many they were."""
    return forgetting.forget(database.unit_of_work, now=now, ended=lambda: limit.reached)


@dataclass(frozen=True, slots=True)
class Done:
    """What one run of all jobs came to; ``complete`` unless its time was up."""

    activated: int
    expired: int
    released: int
    announced: int
    levels: int
    periods: int
    complete: bool


def run_all(database: Database, *, since: datetime, now: datetime, seconds: float | None = None) -> Done:
    """Do all that became due from ``since`` to ``now``, in ``seconds`` at most; what is left stays due.

    What is to expire is announced before it does, and what was held back comes back before that too.
    """
    limit = Limit(None if seconds is None else time.monotonic() + seconds)
    announced = announce(database, now=now, since=since, limit=limit)
    released = release_holds(database, now=now, limit=limit)
    booked = settle(database, now=now, limit=limit)
    changed = settle_levels(database, now=now, limit=limit)
    settled = settle_periods(database, now=now, limit=limit)
    return Done(booked.activated, booked.expired, released, announced, changed, settled, not limit.reached)


@dataclass(frozen=True, slots=True)
class Job:
    """A named job and when it runs (as cron says it)."""

    cron: str
    run: Callable[[Database, datetime, Limit], object]


JOBS: Mapping[str, Job] = {
    "settle": Job("* * * * *", lambda database, now, limit: settle(database, now=now, limit=limit)),
    "release_holds": Job("* * * * *", lambda db, now, limit: release_holds(db, now=now, limit=limit)),
    "settle_levels": Job("*/5 * * * *", lambda db, now, limit: settle_levels(db, now=now, limit=limit)),
    "settle_periods": Job("*/10 * * * *", lambda db, now, limit: settle_periods(db, now=now, limit=limit)),
    "purge_counters": Job("40 3 * * *", lambda db, now, limit: purge_counters(db, now=now, limit=limit)),
    "refresh_suggestions": Job("20 * * * *", lambda db, now, limit: refresh_due(db, now=now, limit=limit)),
    "announce_expiring": Job("*/10 * * * *", lambda db, now, limit: announce(db, now=now, limit=limit)),
    backtests.JOB: Job("* * * * *", lambda database, now, limit: replay(database, now=now, limit=limit)),
}
"""What a worker does. ``settle`` is activation and expiry in one walk through the members who are due."""


@dataclass(frozen=True, slots=True)
class KeyedJob:
    """A job that works with what is sealed, so the key ring is handed to it."""

    cron: str
    run: Callable[[Database, Vault, datetime, Limit], object]

    def with_keys(self, vault: Vault) -> Job:
        """The job with the keys in its hands."""
        return Job(self.cron, lambda database, now, limit: self.run(database, vault, now, limit))


KEYED_JOBS: Mapping[str, KeyedJob] = {
    "make_coupons": KeyedJob(
        "* * * * *", lambda db, keys, now, limit: make_coupons(db, keys, now=now, limit=limit)
    ),
    giving.JOB: KeyedJob(
        "* * * * *", lambda db, keys, now, limit: grant_gifts(db, keys, now=now, limit=limit)
    ),
    "keep_draws": KeyedJob("*/10 * * * *", draw_days.run),
}
"""The same for those that need keys."""
