"""Coupons one by one: what one is, whether it can be used, whose it is, where it was used; and its way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.codes import bare, looks_like_ours, plain_code
from loyalty_api.coupons import batches, queries, queries_batches, queries_issued, rules
from loyalty_api.coupons.batches import make_some
from loyalty_api.coupons.bringing import blind_of
from loyalty_api.coupons.holding import NOTHING_SHOWN, CouponBook, Presented, open_coupons
from loyalty_api.coupons.issuing import (
    Grant,
    Issue,
    Issued,
    code_of,
    give_again,
    issue,
    rows_of,
    take_back,
)
from loyalty_api.coupons.queries import hold, let_go, move_uses
from loyalty_api.coupons.rules import Asking, Coupon, CouponNotYours, CouponUnknown
from loyalty_api.coupons.rules_audience import facts_of
from loyalty_api.db import driver
from loyalty_api.errors import Conflict, NotFound
from loyalty_api.members import service as members
from loyalty_api.program.service import Programs
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers.service import level_now
from loyalty_api.vault import Vault

__all__ = [
    "NOTHING_SHOWN", "Asking", "CouponBook", "Found", "Grant", "Issue", "Issued", "Office", "Presented", "activate",
    "block", "code_of", "event_rows", "find", "give_again", "give_back", "hold", "issue", "let_go", "list_of_batch",
    "look", "make_some", "move_uses", "of_member", "open_coupons", "rows_of", "take_again", "take_back", "uses_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Office:
    """What looking at coupons leans on in this process."""

    vault: Vault
    programs: Programs[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A coupon, and why it cannot be used here and now (None: it can). ``code`` is in clear for its member only."""

    coupon: Coupon
    refusal: type[NotFound | Conflict] | None = None
    code: str | None = None


def look(
    session: Session,
    office: Office,
    *,
    typed: str,
    store_id: str | None,
    member_id: UUID | None,
    at: datetime,
    now: datetime,
    own: bool = False,
    for_owner: bool = False,
) -> Found:
    """What a code is, and whether ``member_id`` (None: nobody) could use it at the moment ``at``. Nothing changes.

    A blocked code is answered like one that never was; so is another member's with ``own``, which is a member asking.
    With ``for_owner`` a personal coupon is judged as its own member could use it.

    :raises CouponUnknown: there is no such coupon.
    :raises NotFound: there is no such member.
    """
    found = _with_code(driver(session), office.vault, typed)
    if for_owner and len(found) == 1:
        member_id = found[0].member_id

    @cache
    def known() -> Facts:
        return _facts(session, office, member_id, at, now)

    coupon, why = rules.one_of(found, Asking(at, store_id, member_id, known))
    if coupon is None or why is CouponUnknown or (own and coupon.member_id not in (None, member_id)):
        raise CouponUnknown
    return Found(coupon, why)


def _with_code(connection: Connection[TupleRow], vault: Vault, typed: str) -> list[Coupon]:
    """The coupons with a code: one of ours, or all that a code which was brought leads to."""
    if looks_like_ours(typed):
        code = plain_code(typed)
        blinds = [blind_of(vault, code)] if code else []
    else:
        blind = blind_of(vault, bare(typed))
        blinds = queries.leads(connection, [blind]).get(blind, [])
    return list(queries.some(connection, blinds).values())


def _facts(session: Session, office: Office, member_id: UUID | None, at: datetime, now: datetime) -> Facts:
    """What is known of a member now, as an audience asks for it."""
    program = office.programs.at(driver(session), now) if member_id else None
    if member_id is None or program is None:
        return Facts()
    row = members.known(session, member_id=member_id)
    tier = level_now(driver(session), office.programs, member_id=member_id, now=now)
    return facts_of(
        status=row.status, tier=tier, is_staff=row.is_staff, tags=row.tags, enrolled_at=row.enrolled_at,
        language=row.language, home_store=row.home_store, at=at, zone=program.settings.zone,
    )  # fmt: skip


def find(session: Session, *, coupon_id: UUID, lock: bool = False) -> Coupon:
    """A coupon by its id.

    :raises CouponUnknown: there is none.
    """
    coupon = queries.find(driver(session), coupon_id, lock=lock)
    if coupon is None:
        raise CouponUnknown
    return coupon


def uses_of(
    session: Session, *, coupon_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """Where, when and by whom a coupon was used, the latest first.

    :raises CouponUnknown: there is no such coupon.
    """
    find(session, coupon_id=coupon_id)
    return queries.uses_of(driver(session), coupon_id, before=before, limit=limit)


def list_of_batch(session: Session, *, batch_id: UUID, after: UUID | None, limit: int) -> list[Coupon]:
    """The coupons of a batch that are there, in the order of their numbers.

    :raises BatchUnknown: there is no such batch.
    """
    batch = batches.get(session, batch_id=batch_id)
    if batch.giver is not None:
        return queries_issued.page(driver(session), batch_id, after=after, limit=limit)
    first = ids.nth(after, 1) if after else ids.nth(batch_id, 1)
    return queries.range_of(driver(session), first, ids.nth(batch_id, batch.total), limit=limit)


def block(session: Session, *, coupon_id: UUID, now: datetime) -> Coupon:
    """Block a coupon for good: it is answered like one that never was.

    :raises CouponUnknown: there is none.
    """
    find(session, coupon_id=coupon_id, lock=True)
    queries.block(driver(session), coupon_id, now)
    return find(session, coupon_id=coupon_id)


def of_member(
    session: Session, *, vault: Vault, member_id: UUID, before: UUID | None, limit: int, clear: bool
) -> list[Found]:
    """A member's own coupons, the latest first; with ``clear`` each with its code, to be shown at a till.

    :raises NotFound: there is no such member.
    """
    members.ensure_known(session, member_id=member_id)
    connection = driver(session)
    blinds = [blind for _, blind in queries.of_member(connection, member_id, before=before, limit=limit)]
    coupons = queries.some(connection, blinds)
    return _in_clear(connection, vault, [coupons[blind] for blind in blinds], clear=clear)


def activate(
    session: Session, *, vault: Vault, member_id: UUID, coupon_id: UUID, now: datetime, clear: bool
) -> Found:
    """Activate a member's coupon; doing it again changes nothing.

    :raises CouponUnknown: the member has no such coupon, or it was blocked.
    :raises CouponUsed: it was used.
    :raises CouponExpired: its time is over.
    """
    connection = driver(session)
    members.lock_person(session, member_id=member_id)
    coupon = find(session, coupon_id=coupon_id, lock=True)
    if coupon.member_id != member_id or coupon.state(now) in ("blocked", "taken_back"):
        raise CouponUnknown
    if coupon.state(now) in ("used", "expired"):
        raise rules.CouponUsed if coupon.state(now) == "used" else rules.CouponExpired
    queries.activate(connection, coupon_id, now)
    members.touch(session, member_id=member_id, now=now)
    return _in_clear(connection, vault, [find(session, coupon_id=coupon_id)], clear=clear)[0]


def _in_clear(
    connection: Connection[TupleRow], vault: Vault, coupons: Sequence[Coupon], *, clear: bool
) -> list[Found]:
    if not clear:
        return [Found(coupon) for coupon in coupons]
    of = queries_batches.some(connection, [coupon.batch_id for coupon in coupons if not coupon.given])
    secrets = {batch_id: batches.opened_secret(vault, batch) for batch_id, batch in of.items()}
    return [Found(coupon, code=_code_of(vault, coupon, secrets)) for coupon in coupons]


def _code_of(vault: Vault, coupon: Coupon, secrets: Mapping[UUID, bytes]) -> str:
    if coupon.given:
        return code_of(vault, coupon.coupon_id)
    number = batches.number_of(coupon.coupon_id, coupon.batch_id)
    return batches.code_of(secrets[coupon.batch_id], number)


def give_back(
    session: Session, *, member_id: UUID, purchase_id: UUID, because: UUID, to_member: bool, now: datetime
) -> list[Coupon]:
    """Give back the coupons that a purchase used, because a return or a void (its id) took it back whole.

    The caller holds the member or the purchase. ``to_member``: there is a member to be told.
    """
    connection = driver(session)
    blinds = queries.used_in(connection, member_id, purchase_id, given_back_by=None)
    if not blinds:
        return []
    back = list(queries.some(connection, blinds, lock=True).values())
    queries.give_back(connection, member_id, purchase_id, blinds, because=because, now=now)
    if to_member:
        _tell(session, "coupon_given_back", member_id, purchase_id, back, now)
    return back


def take_again(session: Session, *, member_id: UUID, purchase_id: UUID, because: UUID, now: datetime) -> None:
    """Use the coupons again that a return gave back, because it is undone (R39); one that is used up stays away.

    The caller holds the member or the purchase.
    """
    connection = driver(session)
    blinds = queries.used_in(connection, member_id, purchase_id, given_back_by=because)
    if not blinds:
        return
    left = [
        each for each in queries.some(connection, blinds, lock=True, now=now).values() if each.uses_left > 0
    ]
    queries.take_again(connection, member_id, purchase_id, [each.blind for each in left])


def event_rows(
    member_id: UUID, purchase_id: UUID, coupon_ids: Sequence[UUID], *, occurred_at: datetime, now: datetime
) -> list[Sequence[Any]]:
    """Events of coupons that a member's purchase has used."""
    body = {"purchase_id": ids.show("pur", purchase_id)}
    return [
        (member_id, "coupon_used", ids.show("cpn", coupon_id), occurred_at, now, body, False)
        for coupon_id in coupon_ids
    ]


def _tell(
    session: Session, kind: str, member_id: UUID, purchase_id: UUID, coupons: Sequence[Coupon], now: datetime
) -> None:
    for coupon in coupons:
        events.record(
            session, member_id=member_id, kind=kind, subject=ids.show("cpn", coupon.coupon_id), occurred_at=now,
            now=now, body={"purchase_id": ids.show("pur", purchase_id)},
        )  # fmt: skip


def ensure_usable(found: Found) -> Found:
    """The coupon, or the refusal of one that cannot be used here and now.

    :raises CouponNotYours: and its fellows, each with a code of its own.
    """
    if found.refusal is CouponNotYours and found.coupon.member_id is None:
        raise CouponNotYours("It is for members of another kind; say who shows it.")
    if found.refusal is not None:
        raise found.refusal
    return found
