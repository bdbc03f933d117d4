"""The six digits by which a member at the counter shows that the phone is at hand (``redeem.verify_above``).

A code lives five minutes and a few attempts, each of which is counted whatever becomes of the request. It is kept as
a keyed hash, and used up by what it opens.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Action, Forbidden
from loyalty_api.members import service as members
from loyalty_api.redemptions import queries_codes
from loyalty_api.redemptions.rules import Price, Rate
from loyalty_api.vault import Vault

LIFETIME = timedelta(minutes=5)


class VerificationRequired(Forbidden):
    """So many points are used only with a fresh code from the member's app."""

    code, title = "verification_required", "The member must confirm this with a code from the app"
    action: ClassVar[Action] = "ask_member"


def issue(session: Session, *, vault: Vault, member_id: UUID, code: str, now: datetime) -> datetime:
    """Keep a new code of a member's, in place of the one before; when it ends.

    :raises NotFound: there is no such member.
    """
    members.ensure_known(session, member_id=member_id)
    until = now + LIFETIME
    queries_codes.keep_app_code(driver(session), member_id, _blind(vault, member_id, code), until)
    return until


def count_attempt(session: Session, *, member_id: UUID) -> None:
    """Count an attempt at the member's code. In a transaction of its own: a refusal must not undo it."""
    queries_codes.count_attempt(driver(session), member_id)


def ensure_verified(
    connection: Connection[TupleRow],
    *,
    vault: Vault,
    member_id: UUID,
    code: str | None,
    above: tuple[str, int | None],
    price: Price,
    rate: Rate | None,
    now: datetime,
) -> None:
    """Ask for a code where the program does: above an amount; always where points have no price in money.

    :raises VerificationRequired: there is none, or it does not hold.
    """
    _, limit = above
    if limit is None:
        return
    worth = price.amount if price.amount is not None else rate.worth(price.points) if rate else None
    if worth is not None and worth <= limit:
        return
    if code is None or not queries_codes.use_app_code(
        connection, member_id, _blind(vault, member_id, code), now
    ):
        raise VerificationRequired


def _blind(vault: Vault, member_id: UUID, code: str) -> bytes:
    return vault.blind("app_code_for_points", f"{member_id.hex}/{code}")
