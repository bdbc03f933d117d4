"""Business time in a sandbox: it stands still until it is moved, and it only moves forward.

Machine time is never touched: tokens, rate limits, time-outs and ids go on by the machine's clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from loyalty_api import jobs
from loyalty_api.config import Settings
from loyalty_api.db import Database, driver
from loyalty_api.errors import Conflict, Fault, Forbidden, Invalid
from loyalty_api.gifts import draw_days
from loyalty_api.jobs import Done
from loyalty_api.queue import defer
from loyalty_api.sandbox import queries
from loyalty_api.vault import Vault

_LAST_YEAR = 2200


class SandboxOnly(Forbidden):
    """This installation is not a sandbox: its business time is the clock."""

    code, title = "sandbox_only", "This is not a sandbox"


class ClockBackwards(Conflict):
    """Business time only moves forward, because what has happened is not undone."""

    code, title, action = "clock_backwards", "The clock only moves forward", "fix_request"


def business_time(database: Database, *, machine: datetime) -> datetime:
    """What the sandbox's clock shows; the machine's time while it was never set."""
    row = database.fetch_one(queries.READ, ())
    return row[0] if row else machine


def ensure_sandbox(settings: Settings) -> None:
    """Refuse what only a sandbox may do.

    :raises SandboxOnly: this is none.
    """
    if not settings.sandbox:
        raise SandboxOnly("Its clock cannot be set. LOYALTY_SANDBOX=1 makes a sandbox of an installation.")


def move(
    session: Session,
    database: Database,
    *,
    to: datetime | None,
    by: timedelta,
    machine: datetime,
    seconds: float,
    vault: Vault,
) -> tuple[datetime, Done]:
    """Move business time to a moment, or on by a span, once all that becomes due until then has been done.

    The jobs run in transactions of their own, for ``seconds`` at most; what is left is done by a worker, who is told,
    or by the next call. Until anything has happened the clock may be set to any moment, the past too.
    ``machine`` is the machine's time. The new moment, and what the jobs did.

    :raises ClockBackwards: it would move backwards.
    :raises Invalid: it would move beyond what a time can be.
    """
    connection = driver(session)
    shown = queries.lock(connection)
    now = shown or machine
    target = to or now + by
    backwards = target < now
    if backwards and (shown is not None or queries.something_happened(connection)):
        raise ClockBackwards(f"It shows {now.isoformat()}.", now=now.isoformat())
    if target.year > _LAST_YEAR:
        raise Invalid(
            "The clock ends with the year 2200.", errors=[Fault("", "out_of_range", "Go less far.")]
        )
    queries.put(connection, target)
    done = jobs.run_all(database, since=min(now, target), now=target, seconds=seconds)
    draw_days.keep_through(database.unit_of_work, vault=vault, since=min(now, target), now=target)
    if not done.complete:
        for job in jobs.JOBS:
            defer(session, job=job, one_at_a_time=job, only_one_waiting=job)
    return target, done
