"""A correction from its beginning to its end, member by member, in the memory of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.corrections import service
from loyalty_api.corrections.correction import Correction, Done
from loyalty_api.db import Database
from loyalty_api.errors import NotFound, Unavailable
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import Program, compile_program, without

__all__ = ["Done", "run"]

_BY = "operator"
_TRIES = 5


class _Undone(Exception):
    """Ends a transaction of a dry run, which is undone."""


def run(
    database: Database,
    *,
    version: int,
    window: tuple[datetime, datetime],
    reason: str | None,
    dry_run: bool,
    clock: Callable[[], datetime],
) -> Iterator[Done]:
    """Do what is left of a correction; what has been done so far, after every batch of members and at the end.

    A dry run does the same in transactions that are undone.

    :raises VersionUnknown: the version was never published.
    :raises WindowUnfit: the window is empty or has not ended.
    """
    programs: Programs[Program] = Programs(
        lambda document, number: compile_program(document, version=number), without=without
    )
    with _transaction(database, dry_run=dry_run) as session:
        correction = service.begin(
            session, programs, version=version, starts_at=window[0], ends_at=window[1], reason=reason, by=_BY,
            correction_id=ids.new(), now=clock(),
        )  # fmt: skip
    done, after, more = Done(), service.NOBODY, True
    while more:
        with database.unit_of_work() as session:
            members = service.next_members(session, correction, after=after)
        for member_id in members:
            done += _member(database, programs, correction, member_id, dry_run, clock())
        after, more = (members[-1], True) if members else (after, False)
        if more:
            yield done
    yield done


@contextmanager
def _transaction(database: Database, *, dry_run: bool) -> Iterator[Session]:
    with suppress(_Undone), database.unit_of_work() as session:
        yield session
        if dry_run:
            raise _Undone


def _member(
    database: Database,
    programs: Programs[Program],
    correction: Correction,
    member_id: UUID,
    dry_run: bool,
    now: datetime,
) -> Done:
    """One member in a transaction of its own; who is at a till right now is waited for."""
    for left in reversed(range(_TRIES)):
        try:
            with _transaction(database, dry_run=dry_run) as session:
                found = service.correct_member(
                    session, programs, correction, member_id=member_id, first_id=ids.new(), now=now
                )
            return found
        except NotFound:
            return Done()
        except Unavailable:
            if not left:
                raise
    return Done()
