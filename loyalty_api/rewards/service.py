"""The catalogue: rewards are made, edited and archived, and their stock is taken and given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Fault, Invalid, NotFound
from loyalty_api.rewards import queries
from loyalty_api.rewards.queries import TAKEN, give_back, lock_some, some, take
from loyalty_api.rewards.rules import Reward

__all__ = [
    "TAKEN", "Kept", "RewardUnknown", "add", "change", "find", "get", "give_back", "list_rewards", "lock_some",
    "offered", "some", "take",
]  # fmt: skip


class RewardUnknown(NotFound):
    """There is no reward with this id."""

    code, title = "reward_unknown", "There is no such reward"


@dataclass(frozen=True, slots=True)
class Kept:
    """A reward as people edit it."""

    reward_id: UUID
    kind: str
    status: str
    document: dict[str, Any]
    revision: int
    stock_left: int | None


def add(
    session: Session,
    *,
    reward_id: UUID,
    document: Mapping[str, Any],
    stock: int | None,
    by: str,
    now: datetime,
) -> Kept:
    """Put a reward into the catalogue; ``stock`` None: there is no end of it.

    :raises Invalid: what it says does not fit together.
    """
    _ensure_fits(document)
    queries.add(driver(session), reward_id=reward_id, document=document, stock=stock, by=by, now=now)
    return find(session, reward_id=reward_id)


def find(session: Session, *, reward_id: UUID, lock: bool = False) -> Kept:
    """A reward as people edit it.

    :raises RewardUnknown: there is none.
    """
    row = queries.find(driver(session), reward_id, lock=lock)
    if row is None:
        raise RewardUnknown
    return Kept(*row)


def get(connection: Connection[TupleRow], reward_id: UUID | None) -> Reward:
    """A reward as the rules read it.

    :raises RewardUnknown: there is none.
    """
    row = queries.find(connection, reward_id) if reward_id else None
    if row is None:
        raise RewardUnknown
    return queries.read(row)


def list_rewards(session: Session, *, after: UUID | None, limit: int, status: str | None) -> list[Kept]:
    """Rewards in the order in which they were made."""
    return [Kept(*row) for row in queries.page(driver(session), after=after, limit=limit, status=status)]


def offered(connection: Connection[TupleRow], *, after: UUID | None, limit: int) -> Sequence[Reward]:
    """What is in the catalogue, in the order in which it was made."""
    return [queries.read(row) for row in queries.page(connection, after=after, limit=limit, status="active")]


def change(session: Session, *, found: Kept, changes: Mapping[str, Any], now: datetime) -> Kept:
    """Change what is named in ``changes`` of a reward that is locked; ``stock`` says how many are left now.

    :raises Invalid: what it says then does not fit together.
    """
    connection = driver(session)
    own = {"stock", "status"}
    document = {**found.document, **{name: value for name, value in changes.items() if name not in own}}
    _ensure_fits(document)
    status = changes.get("status", found.status)
    queries.change(connection, reward_id=found.reward_id, document=document, status=status, now=now)
    if "stock" in changes:
        queries.set_stock(connection, found.reward_id, changes["stock"])
    return find(session, reward_id=found.reward_id)


def _ensure_fits(document: Mapping[str, Any]) -> None:
    value, kind = document["value"] or {}, document["kind"]
    needed = {"money_off": "amount", "percent_off": "percent"}.get(kind)
    faults = []
    if needed and not value.get(needed):
        faults.append(Fault(f"/value/{needed}", "required", f"A reward of kind {kind} says how much."))
    if needed is None and value:
        faults.append(Fault("/value", "not_allowed", f"A reward of kind {kind} has no value in money."))
    if faults:
        raise Invalid(faults[0].message, errors=faults)
