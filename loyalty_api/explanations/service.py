"""Explanations: of an entry, of a lot, of a change of level. Each is told from what was stored when it was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.explanations import entries, of_levels, of_lots
from loyalty_api.explanations.asked import Asked
from loyalty_api.language import catalogue
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger import queries_lots
from loyalty_api.members import service as members
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import Explanation
from loyalty_api.tiers import service as tiers
from loyalty_api.tiers.reading import change_of


def entry(
    session: Session,
    programs: Programs[Program],
    *,
    place: tuple[UUID, int],
    owner: UUID | None,
    language: str,
) -> Explanation:
    """Why an entry was booked. ``owner`` names the only member who may ask; None lets the office ask.

    :raises NotFound: there is no such entry, or it is not the owner's.
    """
    row = ledger.entry(driver(session), *place)
    if row is None or (owner is not None and row["member_id"] != owner):
        raise NotFound("There is no such entry.")
    return entries.entry(Asked(session, programs, catalogue(language)), row)


def lot(
    session: Session, programs: Programs[Program], *, member_id: UUID, lot_id: UUID, language: str
) -> Explanation:
    """Why a lot is there: what brought it, from when until when it can be used, what has moved it.

    :raises NotFound: the member has no such lot.
    """
    found: dict[str, Any] | None = queries_lots.lot(driver(session), member_id, lot_id)
    if found is None:
        raise NotFound
    return of_lots.lot(Asked(session, programs, catalogue(language)), member_id, found)


def level_change(
    session: Session,
    programs: Programs[Program],
    *,
    member_id: UUID,
    number: int,
    language: str,
    now: datetime,
) -> Explanation:
    """Why a member's level changed: what counted, what the level asked for, and who or what brought it about.

    :raises NotFound: there is no such member, or no such change of its level.
    """
    connection = driver(session)
    members.standing(session, member_id=member_id)
    looked = tiers.look(connection, programs, member_id=member_id, now=now)
    row = change_of(connection, member_id, looked[0] if looked else None, number)
    if row is None:
        raise NotFound
    return of_levels.change(Asked(session, programs, catalogue(language)), row)
