"""Coupons given one by one: because of a purchase, with a gift, by whoever writes in the same transaction.

What one giver gives under one name is one batch, which stands from the first such coupon on: it has no secret and no
number of codes to be made. A code is worked out from the key ring and the coupon's id, so that the answer that names it
is the same however often it is asked for, and no code in clear is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.codes import claim_code, tail_of
from loyalty_api.coupons import queries_issued
from loyalty_api.coupons.bringing import blind_of
from loyalty_api.coupons.rules import Coupon
from loyalty_api.db import driver
from loyalty_api.rows import Rows, Table, write
from loyalty_api.vault import Vault


@dataclass(frozen=True, slots=True)
class Grant:
    """What is given: a coupon called ``name``, for ``uses`` uses in ``stores`` (none: everywhere).

    It counts from ``valid_from`` until just before ``valid_until``. ``giver`` is what gives it, such as
    ``promotion:thanks``: at most 80 characters.
    """

    giver: str
    name: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stores: tuple[str, ...] = ()
    uses: int = 1


@dataclass(frozen=True, slots=True)
class Issued:
    """A coupon that was given, with its code in clear: for the answer to who caused it, and nobody else."""

    coupon_id: UUID
    code: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class Issue:
    """One coupon to be given: ``coupon_id`` is new and handed in; without a member whoever shows the code has it.

    ``occurred_at`` is when it was earned.
    """

    coupon_id: UUID
    member_id: UUID | None
    grant: Grant
    occurred_at: datetime

    @property
    def batch_id(self) -> UUID:
        """The batch of all that this giver gives on these terms; such batches list behind those that were asked for."""
        grant = self.grant
        said = [grant.giver, grant.name, sorted(grant.stores), grant.uses, self.member_id is None]
        return UUID(int=int.from_bytes(sha256(orjson.dumps(said)).digest()[:8], "big"))


def issue(
    session: Session,
    *,
    vault: Vault,
    coupon_id: UUID,
    member_id: UUID | None,
    grant: Grant,
    occurred_at: datetime,
    now: datetime,
) -> Issued:
    """Give one coupon in the caller's transaction; its member is told by an event.

    ``coupon_id`` is new and the caller's to choose (``ids.nth`` of what causes it), so that doing it again fails
    instead of giving twice. The caller holds the member.
    """
    one = Issue(coupon_id, member_id, grant, occurred_at)
    write(driver(session), rows_of([one], vault=vault, now=now))
    return Issued(coupon_id, code_of(vault, coupon_id), grant)


def rows_of(given: Sequence[Issue], *, vault: Vault, now: datetime) -> list[tuple[Table, Rows]]:
    """What is to be written for coupons that are given: for a transaction that writes everything at once."""
    batches, codes, listed, members, told = {}, [], [], [], []
    for one in sorted(given, key=lambda each: each.batch_id):
        code, grant, batch_id = code_of(vault, one.coupon_id), one.grant, one.batch_id
        blind = "\\x" + blind_of(vault, code).hex()
        kind = "single" if one.member_id is None else "personal"
        batches[batch_id] = (
            batch_id, grant.name, kind, 0, grant.uses, list(grant.stores), False, now, grant.giver, grant.giver,
        )  # fmt: skip
        codes.append(
            (
                blind, one.coupon_id, batch_id, one.member_id, tail_of(code), grant.uses,
                grant.valid_from, grant.valid_until,
            )
        )  # fmt: skip
        listed.append((batch_id, one.coupon_id, blind, now))
        if one.member_id is not None:
            members.append((one.member_id, one.coupon_id, batch_id, blind))
            told.append(_event(one, now))
    return [
        (queries_issued.STANDING, list(batches.values())),
        (queries_issued.CODES, codes),
        (queries_issued.GIVEN, listed),
        (queries_issued.OF_MEMBERS, members),
        (events.EVENTS, told),
    ]


def _event(one: Issue, now: datetime) -> Sequence[Any]:
    body = {"batch_id": ids.show("cpb", one.batch_id)}
    return (one.member_id, "coupon_issued", ids.show("cpn", one.coupon_id), one.occurred_at, now, body, False)


def code_of(vault: Vault, coupon_id: UUID) -> str:
    """The code of a coupon that was given, in clear: for its member, and for the answer that gives it."""
    return claim_code(vault.blind("given_coupon", coupon_id.hex))


def take_back(
    session: Session, coupon_ids: Sequence[UUID], *, because: UUID, now: datetime
) -> tuple[list[Coupon], list[Coupon]]:
    """Take back coupons that were given, because a return or a void (its id) took back what they were given for.

    Those that could be taken back, and those that were used before; either way nobody uses them any more. The caller
    holds the members.
    """
    held = queries_issued.locked(driver(session), coupon_ids)
    standing = [one for one in held if not one.taken_back]
    queries_issued.take_back(driver(session), [one.blind for one in standing], because)
    unused = [one for one in standing if not one.uses]
    for one in unused:
        if one.member_id is not None:
            events.record(
                session, member_id=one.member_id, kind="coupon_taken_back", subject=ids.show("cpn", one.coupon_id),
                occurred_at=now, now=now, body={"return_id": ids.show("ret", because)},
            )  # fmt: skip
    return unused, [one for one in standing if one.uses]


def give_again(connection: Connection[TupleRow], coupon_ids: Sequence[UUID], *, because: UUID) -> None:
    """Coupons that a return took back count again, because it is undone (R39)."""
    held = queries_issued.locked(connection, coupon_ids)
    queries_issued.give_again(connection, [one.blind for one in held], because)
