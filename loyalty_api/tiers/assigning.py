"""Levels that somebody gives: a floor under a member's own level, for a time and for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, Fault, Invalid, NotFound
from loyalty_api.members import service as members
from loyalty_api.program.service import Programs
from loyalty_api.tiers import service
from loyalty_api.tiers.rules_standing import Assigned
from loyalty_api.tiers.service import By, TierBook

REASONS = ("status_match", "goodwill", "complaint", "employee", "partner", "correction", "other")


class LevelUnknown(Invalid):
    """The program in force has no level of this name."""

    code, title = "tier_level_unknown", "There is no such level"


class NothingAssigned(Conflict):
    """Nobody has given the member a level that lasts now."""

    code, title = "no_tier_assigned", "No level was assigned to this member"
    action: ClassVar[Action] = "proceed_without"


def assign(
    session: Session,
    programs: Programs[Any],
    *,
    member_id: UUID,
    assigned: Assigned,
    by: By,
    now: datetime,
) -> TierBook:
    """Give a member a level up to a moment, in the place of one that was given before.

    :raises NotFound: there is no such member, or the program has no levels.
    :raises MemberClosed: the membership has ended.
    :raises LevelUnknown: the program has no such level.
    :raises Invalid: the end has passed.
    """
    book = _open(session, programs, member_id, now)
    if book.policy is None or book.policy.rank(assigned.level) < 0:
        raise LevelUnknown(errors=[Fault("/level", "not_allowed", "The program in force has no such level.")])
    if assigned.until <= now:
        raise Invalid(
            "An assignment ends later than now.", errors=[Fault("/until", "out_of_range", "It has passed.")]
        )
    book.assign(assigned, by=by)
    return _written(session, book, now)


def end(session: Session, programs: Programs[Any], *, member_id: UUID, by: By, now: datetime) -> TierBook:
    """Take back that a member was given a level; its own is shown again.

    :raises NotFound: there is no such member, or the program has no levels.
    :raises MemberClosed: the membership has ended.
    :raises NothingAssigned: nobody has given it one, or that has ended.
    """
    book = _open(session, programs, member_id, now)
    if book.state.assigned is None:
        raise NothingAssigned
    book.assign(None, by=by)
    return _written(session, book, now)


def _open(session: Session, programs: Programs[Any], member_id: UUID, now: datetime) -> TierBook:
    member = members.lock_person(session, member_id=member_id)
    if member.status in ("closed", "erased"):
        raise members.MemberClosed
    connection = driver(session)
    through = service.timeline(programs, connection, now)
    if not through:
        raise NotFound("The program in force has no levels.")
    return service.open_book(connection, member_id, through=through, now=now)


def _written(session: Session, book: TierBook, now: datetime) -> TierBook:
    service.write_book(driver(session), book)
    members.touch(session, member_id=book.member_id, now=now)
    return book
