"""Redemptions that nobody pays for: what gifts of rewards become.

They take no points, so no hold is booked and none can come back; the reward's own code, order and stock are theirs as
they are of every redemption. The caller holds the member, and writes the member's book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.redemptions import queries, queries_orders, rewarding, rules_given
from loyalty_api.redemptions.booking import lifetime
from loyalty_api.redemptions.rewarding import take_stock
from loyalty_api.redemptions.rules import Caller, Redemption
from loyalty_api.redemptions.writing import note
from loyalty_api.rewards import service as catalogue
from loyalty_api.rewards.rules import Reward, RewardNotAvailable
from loyalty_api.vault import Vault

__all__ = [
    "Cancelled", "Present", "Shown", "cancel", "collect", "give", "lifetime", "open_again", "shown", "take_stock",
]  # fmt: skip
_NOT_COLLECTED = ("issued", "ready")


@dataclass(frozen=True, slots=True)
class Present:
    """A reward that is given: under which id, to whom, until when a code for it holds.

    ``takes_stock``: a piece of its stock was taken for it before.
    """

    redemption_id: UUID
    member_id: UUID
    reward: Reward
    takes_stock: bool
    until: datetime
    currency: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A redemption as a gift shows it: its code while that holds, until when, and its order."""

    redemption_id: UUID
    status: str
    code: str | None
    expires_at: datetime | None
    order: UUID | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Whether a redemption was not collected, so that it is nobody's now, and of which reward a piece is free."""

    uncollected: bool
    piece_of: UUID | None = None


def give(
    connection: Connection[TupleRow],
    vault: Vault,
    present: Present,
    *,
    caller: Caller,
    in_hand: bool,
    now: datetime,
) -> Redemption:
    """Make the redemption: what has a code waits for it to be used, anything else is captured at once.

    ``in_hand``: the member has it here and now, in the caller's store, so that no code is left to be used.

    :raises RewardNotAvailable: it is handed over in a store that it is not for.
    """
    reward, store = present.reward, caller.store_id if in_hand else None
    found = Redemption(
        present.member_id, present.redemption_id, "reward", "held", 0, None, present.currency, None, reward.reward_id,
        1, present.takes_stock, store, None, None, "store" if in_hand else "app", caller.client_id, caller.kind, now,
        present.until, (),
    )  # fmt: skip
    rewarding.issue_code(connection, vault, found, reward)
    if in_hand or not reward.by_code:
        return collect(connection, vault, found, caller=caller, now=now)
    note(connection, [found], [("points_held", found, now)], now)
    return found


def collect(
    connection: Connection[TupleRow], vault: Vault, found: Redemption, *, caller: Caller, now: datetime
) -> Redemption:
    """Give a held one to its member: its code is used up by it, or its order issued.

    :raises HoldExpired: it has ended.
    :raises RewardNotAvailable: the reward is not for the caller's store.
    """
    reward = catalogue.get(connection, found.reward_id)
    if reward.stores and caller.store_id is not None and caller.store_id not in reward.stores:
        raise RewardNotAvailable(reasons=[{"code": "not_in_this_store"}])
    captured = rules_given.captured(found, occurred_at=now, now=now)
    note(connection, [captured], [("points_redeemed", captured, now)], now)
    rewarding.order(connection, captured, reward, caller, now)
    if reward.by_code:
        blind = rewarding.code_blind(vault, rewarding.code_of(vault, found.redemption_id))
        queries_orders.use_code(
            connection, blind, store_id=caller.store_id, terminal=None, reference=None, by=caller.client_id, now=now
        )  # fmt: skip
    return captured


def cancel(
    connection: Connection[TupleRow],
    *,
    member_id: UUID,
    redemption_id: UUID,
    because: str,
    by: str,
    now: datetime,
) -> Cancelled:
    """Cancel one that its member has not collected, ``because`` of a word.

    What is held is let go, what is ordered is given back with its order; what has ended before stays as it is. The
    caller puts the piece of its stock back, with all others.
    """
    found = queries.lock(connection, member_id, redemption_id)
    if found is None:
        return Cancelled(uncollected=False)
    status = found.status_at(now)
    if status == "held":
        after, kind = rules_given.released(found, now=now, because=because), "hold_released"
    elif status != "captured":
        return Cancelled(uncollected=True)
    else:
        order = queries_orders.order(connection, redemption_id, lock=True)
        if order is None or order.state not in _NOT_COLLECTED:
            return Cancelled(uncollected=False)
        after, kind = rules_given.given_back(found, because=because), "redemption_reversed"
        queries_orders.cancel_order(connection, after, by=by, now=now)
    note(connection, [replace(after, takes_stock=False)], [(kind, after, now)], now)
    return Cancelled(uncollected=True, piece_of=found.reward_id if found.takes_stock else None)


def open_again(
    connection: Connection[TupleRow],
    *,
    member_id: UUID,
    redemption_id: UUID,
    because: str,
    by: str,
    now: datetime,
) -> None:
    """Undo what ``cancel`` did for the same reason. A piece is counted for it again if there is one left."""
    found = queries.lock(connection, member_id, redemption_id)
    if found is None or found.reward_id is None or found.reversed_because != because:
        return
    again = rules_given.opened_again(found)
    takes = catalogue.take(connection, found.reward_id, found.quantity)
    note(connection, [replace(again, takes_stock=takes)], [], now)
    if found.status == "reversed":
        queries_orders.reopen_order(connection, again, by=by, now=now)


def shown(
    connection: Connection[TupleRow],
    vault: Vault,
    *,
    member_id: UUID,
    redemption_ids: Sequence[UUID],
    clear: bool,
    now: datetime,
) -> Mapping[UUID, Shown]:
    """A member's redemptions as gifts show them, by their ids; ``clear`` shows codes in full."""
    found = queries.some(connection, member_id, redemption_ids)
    with_them = rewarding.deliveries(connection, vault, found)
    return {each.redemption_id: _shown(each, with_them, clear, now) for each in found}


def _shown(
    found: Redemption, with_them: Mapping[UUID, rewarding.Delivery], clear: bool, now: datetime
) -> Shown:
    status, delivery = found.status_at(now), with_them.get(found.redemption_id)
    return Shown(
        found.redemption_id,
        status,
        rewarding.code_shown(delivery, status, clear=clear),
        found.expires_at if found.status == "held" else None,
        found.redemption_id if delivery and delivery.order else None,
    )
