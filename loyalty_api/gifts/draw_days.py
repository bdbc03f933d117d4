"""Days of draws as the program in force has them: committed ahead, counted, revealed, and expected."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from loyalty_api.db import Database
from loyalty_api.draws import keeping
from loyalty_api.draws.keeping import Terms
from loyalty_api.gifts import rules, rules_drawing
from loyalty_api.gifts.rules import Gifts
from loyalty_api.program import service as programs
from loyalty_api.program.rules import Settings
from loyalty_api.rulekit.days import begins
from loyalty_api.vault import Vault

UnitOfWork = Callable[[], AbstractContextManager[Session]]
_MOST_DAYS = 62


@dataclass(frozen=True, slots=True)
class _Versions:
    """Every version's settings and gifts, by when it came into force."""

    starts: Sequence[datetime]
    settings: Sequence[Settings]
    gifts: Sequence[Gifts | None]

    def at(self, moment: datetime) -> tuple[Settings, Gifts | None] | None:
        place = bisect_right(self.starts, moment)
        return (self.settings[place - 1], self.gifts[place - 1]) if place else None


def keep(
    unit_of_work: UnitOfWork, *, vault: Vault, now: datetime, ended: Callable[[], bool] = lambda: False
) -> int:
    """Commit, count, reveal and plan what is due at ``now``, each in a transaction of its own; how many days it was."""
    with unit_of_work() as session:
        versions = _versions(session)
    present = versions.at(now)
    if present is None:
        return 0
    zone, gifts = present[0].zone, present[1]

    def terms_of(day: date) -> Terms | None:
        found = versions.at(begins(day, zone))
        tables = rules_drawing.tables(found[1], day) if found and found[1] else {}
        hours = found[1].reveal_after_hours if found and found[1] else 0
        return Terms(zone, timedelta(hours=hours), tables) if tables else None

    with unit_of_work() as session:
        done = len(keeping.commit_ahead(session, vault=vault, zone=zone, terms_of=terms_of, now=now))
    with unit_of_work() as session:
        keeping.close_days(session, now=now)
    while not ended():
        with unit_of_work() as session:
            if keeping.reveal_next(session, vault=vault, now=now) is None:
                break
        done += 1
    with unit_of_work() as session:
        keeping.plan(session, zone=zone, gifts=rules_drawing.paced(gifts), now=now)
    return done


class Ended(Protocol):
    """How long a job may go on."""

    @property
    def reached(self) -> bool:
        """Whether nothing more may begin."""


def run(database: Database, vault: Vault, now: datetime, limit: Ended) -> int:
    """The job: what is due at ``now``, as long as it may go on."""
    return keep(database.unit_of_work, vault=vault, now=now, ended=lambda: limit.reached)


def keep_through(unit_of_work: UnitOfWork, *, vault: Vault, since: datetime, now: datetime) -> None:
    """The same for a clock that has jumped: as a worker would have done it on each of the days, 62 at most."""
    days = min((now - since) // timedelta(days=1), _MOST_DAYS)
    for back in range(days, -1, -1):
        keep(unit_of_work, vault=vault, now=now - timedelta(days=back))


def _versions(session: Session) -> _Versions:
    found = programs.settings_through_time(session)
    gifts = [rules.parse(settings.sections["gifts"], excluded=None, visit_gap=0) for _, _, settings in found]
    return _Versions([start for _, start, _ in found], [settings for _, _, settings in found], gifts)
