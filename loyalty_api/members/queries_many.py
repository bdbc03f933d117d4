"""Statements on many members at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound


def ensure_all_known(session: Session, *, member_ids: Sequence[UUID]) -> None:
    """Refuse ids that are no members'; ``extra["members"]`` of the error counts them.

    :raises NotFound: some of them are no members.
    """
    row = driver(session).execute(
        "SELECT count(*) FROM members WHERE member_id = ANY(%s) AND kind = 'person'", (list(member_ids),)
    )
    missing = len(set(member_ids)) - (row.fetchone() or (0,))[0]
    if missing:
        raise NotFound(f"{missing} of these members are not there.", members=missing)


def lock_many(session: Session, *, member_ids: Sequence[UUID]) -> None:
    """Lock members against every other writer until the transaction ends, in the order in which all lock them."""
    driver(session).execute(
        "SELECT FROM members WHERE member_id = ANY(%s) ORDER BY member_id FOR NO KEY UPDATE",
        (list(member_ids),),
    )
