"""Gifts of rewards: a piece is kept from the grant on, the redemption is made when the member takes it.

Rewards are locked after the members and before the limits of rules, all in one order, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.gifts.rules_life import Gift, GiftExpired
from loyalty_api.gifts.rules_types import GiftRule, Gifts
from loyalty_api.program.rules import Settings
from loyalty_api.redemptions import given
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions.given import Cancelled
from loyalty_api.redemptions.rules import Caller
from loyalty_api.rewards import service as catalogue
from loyalty_api.rewards.rules import Reward, RewardOutOfStock, not_to_be_given
from loyalty_api.rows import Rows, Table
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.vault import Vault

_REDEMPTION = 3
_BECAUSE, _BY = "gift_taken_back", "gifts"


@dataclass(slots=True)
class Offered:
    """The rewards that gifts of the purchases of one transaction may be, and the pieces that are taken of them.

    They are read without a lock. As soon as a decision gives one whose pieces are counted, all that are counted are
    locked, and what is left is known for good until the transaction ends.
    """

    connection: Connection[TupleRow]
    now: datetime
    known: dict[UUID, Reward]
    locked: bool = False
    _short: set[str] = field(default_factory=set)
    _taken: Counter[UUID] = field(default_factory=Counter)

    def facts(self, facts: Facts, gifts: Gifts | None, store_id: str) -> Facts:
        """The facts with the gift rules whose reward cannot be given in a store now, and why."""
        found = {
            rule: code
            for rule, shown in (gifts.rewards if gifts and facts.member else {}).items()
            if (code := self._against(rule, shown, store_id)) is not None
        }
        return replace(facts, no_reward=found) if found else facts

    def _against(self, rule: str, shown: str, store_id: str) -> str | None:
        reward = self._reward(shown)
        code = not_to_be_given(reward, store_id=store_id, now=self.now)
        empty = rule in self._short or (reward is not None and reward.stock_left == 0)
        return code or (RewardOutOfStock.code if empty else None)

    def _reward(self, shown: str | None) -> Reward | None:
        reward_id = ids.read("rwd", shown or "")
        return self.known.get(reward_id) if reward_id else None

    def hold(self) -> None:
        """Lock those whose pieces are counted."""
        counted = [reward_id for reward_id, reward in self.known.items() if reward.stock_left is not None]
        if counted and not self.locked:
            locked = catalogue.lock_some(self.connection, counted)
            self.known |= {reward.reward_id: reward for reward in locked}
        self.locked = True

    def covers(self, gifts: Gifts | None, decision: Decision) -> bool:
        """Whether there is a piece of all that a decision gives; if not, the facts say what is short from now on."""
        counted = self._counted(gifts, decision)
        if counted and not self.locked:
            self.hold()
        left = {reward_id: self.known[reward_id].stock_left or 0 for reward_id in counted.values()}
        short = set()
        for rule, reward_id in counted.items():
            left[reward_id] -= 1
            if left[reward_id] < 0:
                short.add(rule)
        self._short = short | self._short if short else set()
        return not short

    def _counted(self, gifts: Gifts | None, decision: Decision) -> dict[str, UUID]:
        """The rules that give something whose pieces are counted, and of which reward."""
        rewards = gifts.rewards if gifts else {}
        wanted = {gift.rule: self._reward(rewards.get(gift.rule)) for gift in decision.gifts}
        return {
            rule: reward.reward_id
            for rule, reward in wanted.items()
            if reward is not None and reward.stock_left is not None
        }

    def given(self, gift: Gift) -> Gift:
        """A gift that a decision gave, with the piece that is taken for it."""
        reward = self._reward(gift.give.get("reference")) if gift.kind == "reward" else None
        if reward is None:
            return gift
        if reward.stock_left is not None:
            self._taken[reward.reward_id] += 1
            self.known[reward.reward_id] = replace(reward, stock_left=reward.stock_left - 1)
        return Kept(reward, reward.stock_left is not None).given(gift)

    def rows(self) -> list[tuple[Table, Rows]]:
        """What is to be written when all is decided."""
        return [(catalogue.TAKEN, list(self._taken.items()))]


def offered(
    connection: Connection[TupleRow], programs: Iterable[Gifts | None], *, now: datetime
) -> Offered | None:
    """The rewards that purchases under these gifts may bring; None, and nothing is read, where they bring none."""
    shown = {reward for gifts in programs if gifts and gifts.rewards for reward in gifts.rewards.values()}
    if not shown:
        return None
    wanted = [reward_id for one in sorted(shown) if (reward_id := ids.read("rwd", one))]
    found = catalogue.some(connection, wanted)
    return Offered(connection, now, {reward.reward_id: reward for reward in found})


@dataclass(frozen=True, slots=True)
class Kept:
    """The reward that one gift is, None for any other gift, and whether a piece was taken of its stock."""

    reward: Reward | None = None
    takes_stock: bool = False

    @property
    def taken_of(self) -> list[UUID]:
        """The reward of whose stock a piece was taken, if any."""
        return [self.reward.reward_id] if self.reward and self.takes_stock else []

    def given(self, gift: Gift) -> Gift:
        """The gift with its reward, under the reward's own name."""
        if self.reward is None:
            return gift
        give = {**gift.give, "text": dict(self.reward.names)}
        return replace(gift, give=give, reward_id=self.reward.reward_id, takes_stock=self.takes_stock)


def keep(connection: Connection[TupleRow], rule: GiftRule, store_id: str | None, now: datetime) -> Kept | str:
    """Keep a piece for one gift of a rule, or the code of what stands against it; no query but for a reward.

    :raises Unavailable: somebody is putting the last one back this moment; come again.
    """
    if rule.give.kind != "reward":
        return Kept()
    reward_id = ids.read("rwd", rule.give.reference or "")
    reward = next(iter(catalogue.some(connection, [reward_id] if reward_id else [])), None)
    code = not_to_be_given(reward, store_id=store_id, now=now)
    if reward is None or code is not None:
        return code or "reward_unknown"
    try:
        return Kept(reward, given.take_stock(connection, reward, 1, now))
    except RewardOutOfStock as none_left:
        return none_left.code


def missing(connection: Connection[TupleRow], gifts: Gifts | None, *, now: datetime) -> dict[str, str]:
    """Gift rules whose reward is not there, or not offered any more, and the code that says so."""
    named = {rule.rule_id: ids.read("rwd", rule.give.reference or "") for rule in _of_rewards(gifts)}
    wanted = sorted({reward_id for reward_id in named.values() if reward_id})
    known = {reward.reward_id: reward for reward in catalogue.some(connection, wanted)} if named else {}
    against = {
        rule: not_to_be_given(known.get(reward_id) if reward_id else None, store_id=None, now=now)
        for rule, reward_id in named.items()
    }
    return {rule: code for rule, code in against.items() if code not in (None, "not_yet_offered")}


def _of_rewards(gifts: Gifts | None) -> list[GiftRule]:
    return [rule for rule in gifts.rules if rule.give.kind == "reward"] if gifts else []


def put_back(connection: Connection[TupleRow], pieces_of: Iterable[UUID]) -> None:
    """Put a piece back of each of these rewards."""
    pieces = Counter(pieces_of)
    for reward_id in sorted(pieces):
        catalogue.give_back(connection, reward_id, pieces[reward_id])


def kept_by(gift: Gift) -> list[UUID]:
    """The reward of which a gift keeps a piece, if any."""
    return [gift.reward_id] if gift.takes_stock and gift.reward_id else []


def become(
    connection: Connection[TupleRow],
    vault: Vault,
    gift: Gift,
    *,
    caller: Caller,
    settings: Settings,
    now: datetime,
) -> Gift:
    """A gift that its member has by a step, with the redemption that it becomes.

    ``caller`` has a store where the member has it in hand. A code holds as long as the gift would have, and not shorter
    than one that was paid for.

    :raises RewardNotAvailable: the reward is not for that store.
    """
    if gift.reward_id is None:
        return gift  # It was granted when rewards were handed over like goods.
    least = now + given.lifetime(settings.sections["redeem"], at_till=False)
    present = given.Present(
        ids.nth(gift.gift_id, _REDEMPTION), gift.member_id, catalogue.get(connection, gift.reward_id),
        gift.takes_stock, max(gift.expires_at, least), settings.currency,
    )  # fmt: skip
    made = given.give(connection, vault, present, caller=caller, in_hand=caller.store_id is not None, now=now)
    return replace(gift, redemption_id=made.redemption_id, takes_stock=False)


def collect(
    connection: Connection[TupleRow], vault: Vault, gift: Gift, *, caller: Caller, now: datetime
) -> Gift | None:
    """Hand over what a gift became, if it waits for that: the gift with where that was. None: it was collected before.

    :raises GiftExpired: it waited too long.
    :raises RewardNotAvailable: the reward is not for that store.
    """
    found = redemptions.find(connection, gift.redemption_id) if gift.redemption_id else None
    status = found.status_at(now) if found else "captured"
    if status == "expired":
        raise GiftExpired
    if found is None or status != "held":
        return None
    given.collect(connection, vault, found, caller=caller, now=now)
    return replace(gift, handed_over_store=caller.store_id, handed_over_by=caller.client_id)


def cancel(connection: Connection[TupleRow], gift: Gift, *, now: datetime) -> Cancelled:
    """Cancel what a gift became; nothing is cancelled when its member has collected it, or it became nothing."""
    if gift.redemption_id is None:
        return Cancelled(uncollected=False)
    return given.cancel(
        connection, member_id=gift.member_id, redemption_id=gift.redemption_id, because=_BECAUSE, by=_BY, now=now
    )  # fmt: skip


def again(connection: Connection[TupleRow], gift: Gift, *, now: datetime) -> Gift:
    """A gift that is given again, with a piece of its own if there is one left; or as the redemption that it was."""
    if gift.redemption_id is not None:
        given.open_again(
            connection, member_id=gift.member_id, redemption_id=gift.redemption_id, because=_BECAUSE, by=_BY, now=now
        )  # fmt: skip
        return gift
    if gift.reward_id is None:
        return gift
    return replace(gift, takes_stock=catalogue.take(connection, gift.reward_id, 1))


def shown(
    connection: Connection[TupleRow], vault: Vault, gifts: Sequence[Gift], *, clear: bool, now: datetime
) -> Mapping[UUID, given.Shown]:
    """What gifts of one member became, by the ids of the redemptions; no query when none became any."""
    wanted = [gift.redemption_id for gift in gifts if gift.redemption_id]
    if not wanted:
        return {}
    member_id = gifts[0].member_id
    return given.shown(connection, vault, member_id=member_id, redemption_ids=wanted, clear=clear, now=now)
