"""Batches of coupons: asked for, made by a job, handed out once.

A batch has a secret, sealed under the key ring; code number n is worked out from the secret and n. What is stored of a
code is its keyed hash and its last four characters. Once the codes have arrived where they are printed or mailed, the
secret is destroyed and nobody can read them again; personal ones are read by their members for as long as they count.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids, queue
from loyalty_api.codes import claim_code, looks_like_ours, tail_of
from loyalty_api.coupons import queries, queries_batches, rules_audience
from loyalty_api.coupons.bringing import NO_CODE, blind_of, bring, faults_of
from loyalty_api.coupons.queries_batches import Batch
from loyalty_api.db import driver
from loyalty_api.errors import Conflict, Fault, Invalid, NotFound
from loyalty_api.members import service as members
from loyalty_api.rows import write
from loyalty_api.vault import Vault

JOB = "make_coupons"
AT_ONCE = 2_000
# Of personal ones fewer, because their members are held meanwhile and may be at a till.
_MEMBERS_AT_ONCE = 500
_READ_AT_ONCE = 5_000


class BatchUnknown(NotFound):
    """There is no batch of coupons with this id."""

    code, title = "coupon_batch_unknown", "There is no such batch of coupons"


class CouponsBeingMade(Conflict):
    """The batch's codes are not all there yet."""

    code, title = "coupons_being_made", "The coupons are still being made"


class CodesHandedOut(Conflict):
    """The codes were handed out before, or another client has begun to read them: they are read in clear once."""

    code, title = "codes_handed_out", "These codes have been handed out"


@dataclass(frozen=True, slots=True)
class Line:
    """One code in clear, for whoever prints or mails it."""

    number: int
    coupon_id: UUID
    code: str
    member_id: UUID | None


def add(
    session: Session,
    *,
    vault: Vault,
    batch_id: UUID,
    document: Mapping[str, Any],
    for_members: Sequence[UUID] | None,
    secret: bytes,
    by: str,
    now: datetime,
) -> Batch:
    """Ask for a batch of coupons; a job makes them. ``secret`` is 32 random bytes.

    :raises Invalid: what it says does not fit together.
    :raises NotFound: one of the members is not there.
    """
    _ensure_fits(document, for_members)
    if document.get("codes") is not None:
        return bring(session, vault=vault, batch_id=batch_id, document=document, by=by, now=now)
    total = len(for_members) if for_members is not None else document["count"]
    batch = Batch(
        batch_id, document["name"], document["kind"], total, 0, document["uses"], document["valid_from"],
        document["valid_until"], document["stores"], document["audience"], document["needs_activation"],
        document["note"], vault.wrap(secret, _aad(batch_id)), None, None, None, None, now, by,
    )  # fmt: skip
    connection = driver(session)
    queries_batches.add(connection, batch)
    if for_members is not None:
        members.ensure_all_known(session, member_ids=for_members)
        rows = [(member, ids.nth(batch_id, n), batch_id) for n, member in enumerate(for_members, start=1)]
        queries_batches.MEMBER_COUPONS.insert(connection, rows)
    queue.defer(session, job=JOB, one_at_a_time=JOB, only_one_waiting=JOB)
    return batch


def _ensure_fits(document: Mapping[str, Any], for_members: Sequence[UUID] | None) -> None:
    faults = rules_audience.check(document["audience"]) if document["audience"] is not None else []
    personal = document["kind"] == "personal"
    if personal != (for_members is not None):
        faults.append(Fault("/members", "required", "Personal coupons, and only they, name their members."))
    if for_members is not None and len(set(for_members)) != len(for_members):
        faults.append(Fault("/members", "not_allowed", "Each member is named once."))
    if document.get("codes") is not None:
        faults += faults_of(document)
    elif personal == (document["count"] is not None):
        faults.append(
            Fault("/count", "required", "Say how many; of personal coupons there is one for each member.")
        )
    if document["kind"] == "single" and document["uses"] != 1:
        faults.append(Fault("/uses", "not_allowed", "A single coupon is used once."))
    if document["needs_activation"] and not personal:
        faults.append(
            Fault("/needs_activation", "not_allowed", "Only members activate, and only what is theirs.")
        )
    if looks_like_ours(document["name"]):
        faults.append(Fault("/name", "not_allowed", NO_CODE))
    begins, ends = document["valid_from"], document["valid_until"]
    if begins and ends and begins >= ends:
        faults.append(Fault("/valid_until", "not_allowed", "It ends before it begins."))
    if faults:
        raise Invalid(faults[0].message, errors=faults)


def get(session: Session, *, batch_id: UUID, lock: bool = False) -> Batch:
    """A batch by its id.

    :raises BatchUnknown: there is none.
    """
    batch = queries_batches.find(driver(session), batch_id, lock=lock)
    if batch is None:
        raise BatchUnknown
    return batch


def list_batches(session: Session, *, before: UUID | None, limit: int) -> list[Batch]:
    """Batches, the latest first."""
    return queries_batches.page(driver(session), before=before, limit=limit)


def make_some(session: Session, *, vault: Vault, now: datetime, limit: int = AT_ONCE) -> int:
    """Make up to ``limit`` codes of the oldest batch that lacks some; how many there were, 0 when none lacks any.

    One transaction: whoever is killed in the middle has made none of them, and the next one goes on where it was.
    """
    connection = driver(session)
    batch = queries_batches.next_unmade(connection)
    if batch is None:
        return 0
    most = min(limit, _MEMBERS_AT_ONCE) if batch.kind == "personal" else limit
    first, last = batch.made + 1, min(batch.made + most, batch.total)
    secret = opened_secret(vault, batch)
    of_members: Mapping[UUID, UUID] = {}
    if batch.kind == "personal":
        of_members = queries_batches.members_of(
            connection, ids.nth(batch.batch_id, first), ids.nth(batch.batch_id, last)
        )
    rows, mine = [], []
    for number in range(first, last + 1):
        code, coupon_id = code_of(secret, number), ids.nth(batch.batch_id, number)
        blind, member_id = "\\x" + blind_of(vault, code).hex(), of_members.get(coupon_id)
        rows.append((blind, coupon_id, batch.batch_id, member_id, tail_of(code), batch.uses))
        if member_id is not None:
            mine.append((member_id, coupon_id, blind))
    write(connection, [(queries.CODES, rows), (queries_batches.MADE_FOR_MEMBERS, mine)])
    _tell(session, mine, batch, now)
    queries_batches.note_made(connection, batch.batch_id, last)
    return len(rows)


def _tell(session: Session, mine: Sequence[tuple[UUID, UUID, str]], batch: Batch, now: datetime) -> None:
    """Tell members' events of their coupons; events of a member are written under the member's lock."""
    if not mine:
        return
    members.lock_many(session, member_ids=[member_id for member_id, _, _ in mine])
    body = {"batch_id": ids.show("cpb", batch.batch_id)}
    rows = [
        (member_id, "coupon_issued", ids.show("cpn", coupon_id), now, now, body, False)
        for member_id, coupon_id, _ in mine
    ]
    events.EVENTS.insert(driver(session), rows)


def hand_out(
    session: Session, *, vault: Vault, batch_id: UUID, client_id: str, after: int
) -> Iterator[Sequence[Line]]:
    """The codes in clear, in pieces, from behind number ``after``; nothing is read from the database any more.

    The client that begins is the only one that may read them, as often as its connection breaks, until it has confirmed
    them.

    :raises BatchUnknown: there is no such batch.
    :raises CouponsBeingMade: they are not all there yet.
    :raises CodesHandedOut: they were confirmed, or another client has begun to read them.
    """
    batch = get(session, batch_id=batch_id, lock=True)
    _ensure_to_hand_out(batch, client_id)
    connection = driver(session)
    if batch.handed_to is None:
        queries_batches.hand_to(connection, batch_id, client_id)
    of_members: Mapping[UUID, UUID] = {}
    if batch.kind == "personal":
        of_members = queries_batches.members_of(
            connection, ids.nth(batch_id, 1), ids.nth(batch_id, batch.total)
        )
    return _lines(opened_secret(vault, batch), batch, of_members, after)


def _ensure_to_hand_out(batch: Batch, client_id: str) -> None:
    if batch.made < batch.total:
        raise CouponsBeingMade(f"{batch.made} of {batch.total} are there.")
    if batch.handed_out_at is not None or batch.handed_to not in (None, client_id):
        raise CodesHandedOut


def _lines(
    secret: bytes, batch: Batch, of_members: Mapping[UUID, UUID], after: int
) -> Iterator[Sequence[Line]]:
    for first in range(after + 1, batch.total + 1, _READ_AT_ONCE):
        piece = []
        for number in range(first, min(first + _READ_AT_ONCE, batch.total + 1)):
            coupon_id = ids.nth(batch.batch_id, number)
            piece.append(Line(number, coupon_id, code_of(secret, number), of_members.get(coupon_id)))
        yield piece


def confirm(session: Session, *, batch_id: UUID, client_id: str, received: int, now: datetime) -> Batch:
    """Note that all codes have arrived: from now on nobody reads them again. Doing it again changes nothing.

    :raises BatchUnknown: there is no such batch.
    :raises CouponsBeingMade: they are not all there yet.
    :raises CodesHandedOut: another client reads them.
    :raises Invalid: another number of them has arrived.
    """
    batch = get(session, batch_id=batch_id, lock=True)
    if batch.handed_out_at is not None and batch.handed_to == client_id:
        return batch
    _ensure_to_hand_out(batch, client_id)
    if batch.handed_to is None or received != batch.total:
        message = f"There are {batch.total}: read those that are missing before you confirm."
        raise Invalid(message, errors=[Fault("/received", "not_allowed", message)])
    queries_batches.note_handed_out(
        driver(session), batch_id, keep_secret=batch.kind == "personal", now=now
    )  # fmt: skip
    return replace(batch, handed_out_at=now)


def block(session: Session, *, batch_id: UUID, by: str, now: datetime) -> Batch:
    """Block a whole batch: none of its coupons counts any more, and what is not made yet never is.

    :raises BatchUnknown: there is no such batch.
    """
    get(session, batch_id=batch_id, lock=True)
    queries_batches.block(driver(session), batch_id, by=by, now=now)
    return get(session, batch_id=batch_id)


def opened_secret(vault: Vault, batch: Batch) -> bytes:
    """The secret from which a batch's codes are worked out.

    :raises CodesHandedOut: it has been destroyed.
    """
    if batch.secret is None:
        raise CodesHandedOut
    return vault.unwrap(batch.secret, _aad(batch.batch_id))


def code_of(secret: bytes, number: int) -> str:
    """Code ``number`` of the batch with this secret: 82 bits that nobody can tell from random ones."""
    return claim_code(hmac.digest(secret, number.to_bytes(4, "big"), "sha256"))


def number_of(coupon_id: UUID, batch_id: UUID) -> int:
    """Which one of its batch a coupon is, counted from 1."""
    return coupon_id.int - batch_id.int


def _aad(batch_id: UUID) -> bytes:
    return b"coupon-batch/" + batch_id.bytes
