"""Redemptions for rewards: whether one can be had, its stock, its code, its order. Limits are counted, never kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.codes import claim_code
from loyalty_api.errors import Unavailable
from loyalty_api.ledger.rules import Account
from loyalty_api.ledger.rules_spending import InsufficientPoints
from loyalty_api.program.rules import Settings
from loyalty_api.redemptions import queries, queries_orders
from loyalty_api.redemptions.queries_orders import Order
from loyalty_api.redemptions.rules import Caller, Redemption
from loyalty_api.rewards import rules as rewards
from loyalty_api.rewards import service as catalogue
from loyalty_api.rewards.rules import Asking, Reason, Reward
from loyalty_api.vault import Vault


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a redemption for a reward comes with: the reward, the code that was not used yet, and its order."""

    reward: Reward
    code: str | None = None
    order: Order | None = None


def ensure_to_be_had(
    connection: Connection[TupleRow],
    reward: Reward,
    asking: Asking,
    member_id: UUID,
    quantity: int,
    policy: Settings,
    account: Account,
) -> None:
    """Refuse a reward that is not for this member, here and now; its stock is taken by ``take_stock``.

    :raises RewardNotAvailable: ``reasons`` say why.
    :raises MemberLimitReached: the member has had as many as one may have.
    :raises InsufficientPoints: ``missing`` says how many points are.
    """
    had = had_by(connection, [reward], member_id, policy, asking.now)[reward.reward_id]
    found = rewards.reasons(reward, asking, had=had, left=None, quantity=quantity)
    if not found:
        return
    first = found[0]
    if first.code == InsufficientPoints.code:
        raise InsufficientPoints(account, reward.points * quantity, zone=policy.zone)
    if first.code == rewards.MemberLimitReached.code and reward.limit:
        why = {
            "had": had,
            "limit": reward.limit.number,
            "per": reward.limit.per,
            "day": rewards.day_after(reward.limit.per, asking.now, policy.zone),
        }
        raise rewards.MemberLimitReached(
            f"A member may have {reward.limit.number} ({reward.limit.per}).", why=why
        )
    raise rewards.RewardNotAvailable(reasons=[{"code": reason.code} for reason in found])


def had_by(
    connection: Connection[TupleRow],
    offered: Sequence[Reward],
    member_id: UUID,
    policy: Settings,
    now: datetime,
) -> Mapping[UUID, int]:
    """How many of each reward the member has had in the period of its limit; 0 where there is none."""
    counted: dict[UUID, int] = defaultdict(int)
    limits = {reward.reward_id: reward.limit for reward in offered if reward.limit}
    starts = {
        reward_id: rewards.period_start(limit.per, now, policy.zone) for reward_id, limit in limits.items()
    }
    for reward_id, held_at, quantity in queries.had_of(connection, member_id, list(limits), now=now):
        start = starts[reward_id]
        if start is None or held_at >= start:
            counted[reward_id] += quantity
    return counted


def take_stock(connection: Connection[TupleRow], reward: Reward, quantity: int, now: datetime) -> bool:
    """Take pieces from the stock; whether they are counted at all.

    What holds that have ended still keep is put back first, when nothing else is left.

    :raises RewardOutOfStock: fewer are left.
    :raises Unavailable: somebody else is putting pieces back this moment; come again.
    """
    if reward.stock_left is None:
        return False
    if catalogue.take(connection, reward.reward_id, quantity):
        return True
    freed = queries.expire_for(connection, reward.reward_id, now=now)
    if freed:
        catalogue.give_back(connection, reward.reward_id, freed)
    # Before the stock: whatever is put back after this look, or was before it, is seen by one of the two.
    coming = queries.ended_stock(connection, [reward.reward_id], now=now)
    if catalogue.take(connection, reward.reward_id, quantity):
        return True
    if coming:
        raise Unavailable("Pieces of it are being put back this moment.", retry_after=1)
    raise rewards.RewardOutOfStock


def put_back(connection: Connection[TupleRow], given_up: Iterable[Redemption]) -> list[Redemption]:
    """Put the pieces of redemptions back that do not need them any more; the redemptions as they are then.

    Rewards are locked last and in one order, so that nobody waits in a circle.
    """
    pieces: dict[UUID, int] = defaultdict(int)
    after = []
    for found in given_up:
        if found.takes_stock and found.reward_id:
            pieces[found.reward_id] += found.quantity
        after.append(replace(found, takes_stock=False))
    for reward_id in sorted(pieces):
        catalogue.give_back(connection, reward_id, pieces[reward_id])
    return after


def code_shown(delivery: Delivery | None, status: str, *, clear: bool) -> str | None:
    """The code while it holds, its last letters to those who need not know it."""
    if delivery is None or delivery.code is None or status not in ("held", "captured"):
        return None
    return delivery.code if clear else "…" + delivery.code[-4:]


def issue_code(connection: Connection[TupleRow], vault: Vault, found: Redemption, reward: Reward) -> None:
    """Make the redemption findable by its code, where the reward has one."""
    if reward.by_code:
        blind = code_blind(vault, code_of(vault, found.redemption_id))
        queries_orders.add_code(connection, blind, found.member_id, found.redemption_id)


def code_of(vault: Vault, redemption_id: UUID) -> str:
    """The code that stands for a redemption: 82 bits that only the key ring can make, so that none is kept."""
    return claim_code(vault.blind("reward_code", redemption_id.hex))


def code_blind(vault: Vault, code: str) -> bytes:
    """What a code is found by."""
    return vault.blind("reward_code_index", code)


def order(
    connection: Connection[TupleRow], found: Redemption, reward: Reward, caller: Caller, now: datetime
) -> None:
    """Have a captured reward made ready, where it is physical."""
    if reward.by_order:
        queries_orders.add_order(
            connection, found, fulfilment=reward.fulfilment, by=caller.client_id, now=now
        )


def deliveries(
    connection: Connection[TupleRow], vault: Vault, found: Sequence[Redemption]
) -> dict[UUID, Delivery]:
    """What each redemption for a reward comes with, by its id."""
    asked = [each for each in found if each.reward_id]
    if not asked:
        return {}
    offered = {
        reward.reward_id: reward
        for reward in catalogue.some(connection, list({each.reward_id for each in asked if each.reward_id}))
    }
    orders = queries_orders.orders_of(connection, asked[0].member_id, [each.redemption_id for each in asked])
    codes = {
        each.redemption_id: code_of(vault, each.redemption_id)
        for each in asked
        if each.reward_id and offered[each.reward_id].by_code
    }
    blinds = {redemption_id: code_blind(vault, code) for redemption_id, code in codes.items()}
    used = queries_orders.used_codes(connection, list(blinds.values())) if blinds else set()
    return {
        each.redemption_id: Delivery(
            offered[each.reward_id],
            None if blinds.get(each.redemption_id) in used else codes.get(each.redemption_id),
            orders.get(each.redemption_id),
        )
        for each in asked
        if each.reward_id
    }


def why_not(
    connection: Connection[TupleRow],
    offered: Sequence[Reward],
    asking: Asking,
    member_id: UUID,
    policy: Settings,
) -> list[tuple[Reward, int | None, list[Reason]]]:
    """Each reward with what is left of it now and every reason against having it."""
    had = had_by(connection, offered, member_id, policy, asking.now)
    ended = queries.ended_stock(connection, [each.reward_id for each in offered], now=asking.now)
    shown = []
    for reward in offered:
        left = None if reward.stock_left is None else reward.stock_left + ended.get(reward.reward_id, 0)
        against = rewards.reasons(reward, asking, had=had.get(reward.reward_id, 0), left=left)
        shown.append((reward, left, against))
    return shown
