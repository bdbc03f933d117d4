"""Single-use codes at the counter: what one is, whether it can be used here and now, and using it, once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.codes import plain_code
from loyalty_api.coupons import service as coupons
from loyalty_api.coupons.rules import CouponUnknown
from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, LoyaltyError, NotFound
from loyalty_api.ledger.service import lock_book
from loyalty_api.redemptions import queries, queries_orders, rewarding, service
from loyalty_api.redemptions.queries_orders import Code
from loyalty_api.redemptions.rules import Caller, Redemption
from loyalty_api.redemptions.writing import Counter
from loyalty_api.rewards import service as catalogue
from loyalty_api.rewards.rules import Reward, RewardNotAvailable
from loyalty_api.values import dataclass


class CodeUnknown(NotFound):
    """No code is written like this; a slip of the finger and a code that never was get equal answers."""

    code, title = "code_unknown", "We do not know this code"
    action: ClassVar[Action] = "ask_member"


class CodeUsed(Conflict):
    """A code is used once."""

    code, title = "code_used", "This code has been used"
    action: ClassVar[Action] = "proceed_without"


class CodeExpired(Conflict):
    """The hold behind the code has ended, and the member has the points again."""

    code, title = "code_expired", "This code has expired"
    action: ClassVar[Action] = "proceed_without"


class CodeCancelled(Conflict):
    """The member has cancelled the redemption, or it was given back."""

    code, title = "code_cancelled", "This code was cancelled"
    action: ClassVar[Action] = "proceed_without"


@dataclass(frozen=True, slots=True)
class Found:
    """A code with what it stands for, and why it cannot be used here and now (None: it can)."""

    shown: str
    code: Code
    redemption: Redemption
    reward: Reward
    refusal: LoyaltyError | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a code is used, and on which receipt."""

    store_id: str | None
    terminal: str | None = None
    reference: str | None = None


def inspect(session: Session, counter: Counter, *, typed: str, place: Place, now: datetime) -> Found:
    """What a code is, and whether it can be used here and now. Nothing changes.

    :raises CodeUnknown: there is no such code.
    """
    connection = driver(session)
    blind, code = _find(connection, counter, typed)
    found = queries.find(connection, code.redemption_id)
    if found is None:
        raise CodeUnknown
    return _judged(connection, blind, found, typed, place, now)


def inspect_any(
    session: Session, counter: Counter, *, typed: str, place: Place, now: datetime
) -> Found | coupons.Found:
    """The same for a code of any kind: a reward's, or else a coupon.

    Whose a personal coupon is the answer says.

    :raises CodeUnknown: there is no such code.
    """
    try:
        return inspect(session, counter, typed=typed, place=place, now=now)
    except CodeUnknown:
        pass
    try:
        return coupons.look(
            session, coupons.Office(counter.vault, counter.programs), typed=typed, store_id=place.store_id,
            member_id=None, at=now, now=now, for_owner=True,
        )  # fmt: skip
    except CouponUnknown as error:
        raise CodeUnknown from error


def use(
    session: Session,
    counter: Counter,
    *,
    typed: str,
    place: Place,
    step_id: UUID,
    occurred_at: datetime,
    caller: Caller,
    now: datetime,
) -> Found:
    """Use a code up. Points that are still held behind it are captured by it.

    :raises CodeUnknown: there is no such code.
    :raises CodeUsed: somebody was first.
    :raises CodeExpired: the hold behind it has ended.
    :raises CodeCancelled: the redemption was cancelled or given back.
    :raises RewardNotAvailable: it is for other stores.
    """
    connection = driver(session)
    blind, code = _find(connection, counter, typed)
    _, book = lock_book(session, member_id=code.member_id, named=())
    found = queries.lock(connection, code.member_id, code.redemption_id)
    if found is None:
        raise CodeUnknown
    judged = _judged(connection, blind, found, typed, place, now)
    if judged.refusal:
        raise judged.refusal
    if found.status == "held":
        # The code itself is the right to use what it stands for, whichever store holds it.
        anywhere = Caller(caller.client_id, caller.kind)
        service.capture_held(
            session, counter, book=book, found=found, step_id=step_id, points=None, occurred_at=occurred_at,
            caller=anywhere, now=now, at_once=True,
        )  # fmt: skip
    queries_orders.use_code(
        connection, blind, store_id=place.store_id, terminal=place.terminal, reference=place.reference,
        by=caller.client_id, now=now,
    )  # fmt: skip
    after = queries.find(connection, found.redemption_id) or found
    return _judged(connection, blind, after, typed, place, now)


def _find(connection: Connection[TupleRow], counter: Counter, typed: str) -> tuple[bytes, Code]:
    plain = plain_code(typed)
    blind = rewarding.code_blind(counter.vault, plain or "")
    code = queries_orders.code(connection, blind)
    if code is None:
        raise CodeUnknown
    return blind, code


def _judged(
    connection: Connection[TupleRow], blind: bytes, found: Redemption, typed: str, place: Place, now: datetime
) -> Found:
    code = queries_orders.code(connection, blind)
    if code is None:
        raise CodeUnknown
    reward = catalogue.get(connection, found.reward_id)
    refusal: LoyaltyError | None = None
    status = found.status_at(now)
    if code.state == "used":
        refusal = CodeUsed()
    elif status == "expired":
        refusal = CodeExpired()
    elif status not in ("held", "captured"):
        refusal = CodeCancelled()
    elif reward.stores and place.store_id is not None and place.store_id not in reward.stores:
        refusal = RewardNotAvailable(reasons=[{"code": "not_in_this_store"}])
    return Found("…" + (plain_code(typed) or "")[-4:], code, found, reward, refusal)
