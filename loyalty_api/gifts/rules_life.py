"""The life of a gift: granted, shown, claimed, handed over; or expired, or taken back. Pure.

A gift that nobody took ends by itself at ``expires_at``: every look knows that, and a job only notes it. What is
nothing to hand over at a counter (points, a coupon, a message) is handed over as it is claimed, and so is a reward:
from then on it is a redemption of the member's, with a code or an order of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from loyalty_api.errors import Action, Conflict, NotFound
from loyalty_api.rulekit.decision import Claim

OPEN = ("granted", "shown", "claimed")
"""States in which a gift still waits to be taken."""
AT_COUNTER = ("product", "free_item", "reward")
"""What somebody can hand over, so that a till is told of it."""
_WAITS_THERE = ("product", "free_item")


class GiftUnknown(NotFound):
    """There is no gift with this id, or it is not the caller's to see."""

    code, title = "gift_unknown", "There is no such gift"


class GiftHandedOver(Conflict):
    """The gift was handed over before."""

    code, title = "gift_handed_over", "This gift was handed over before"
    action: ClassVar[Action] = "proceed_without"


class GiftExpired(Conflict):
    """Nobody took the gift in time."""

    code, title = "gift_expired", "The time of this gift is over"
    action: ClassVar[Action] = "proceed_without"


class GiftTakenBack(Conflict):
    """The purchase that the gift came from was undone."""

    code, title = "gift_taken_back", "This gift was taken back with its purchase"
    action: ClassVar[Action] = "proceed_without"


@dataclass(frozen=True, slots=True)
class Gift:
    """One gift of a member's.

    ``give`` is what it is, as ``Give.document`` has it, ``why`` the numbers behind it, ``cost`` minor units, ``claims``
    what it took of counters and limits. ``cause_type`` is purchase, event, time, list or staff, ``cause_id`` that one's
    id. ``result`` says what it became: the ids of a journal, a redemption, a coupon. ``taken_back_by`` is the return
    that took it, ``state_before`` the state it had. ``reward_id`` is the reward that is given, ``redemption_id``
    what it became, and ``takes_stock`` says that a piece of its stock is kept for it until then.
    """

    member_id: UUID
    gift_id: UUID
    rule: str
    program_version: int
    trigger: str
    kind: str
    state: str
    give: Mapping[str, Any]
    why: Mapping[str, Any]
    cost: int
    claims: Sequence[Sequence[Any]]
    cause_type: str
    cause_id: UUID | None
    once_key: str | None
    purchase_id: UUID | None
    store_id: str | None
    client_id: str | None
    granted_at: datetime
    expires_at: datetime
    remind_at: datetime | None = None
    shown_at: datetime | None = None
    claimed_at: datetime | None = None
    handed_over_at: datetime | None = None
    handed_over_store: str | None = None
    handed_over_by: str | None = None
    ended_at: datetime | None = None
    taken_back_by: UUID | None = None
    state_before: str | None = None
    result: Mapping[str, Any] | None = None
    reward_id: UUID | None = None
    redemption_id: UUID | None = None
    takes_stock: bool = False

    def state_at(self, now: datetime) -> str:
        """The state, with the time that has passed since it was written."""
        return "expired" if self.state in OPEN and now >= self.expires_at else self.state

    def is_open(self, now: datetime) -> bool:
        """Whether it still waits to be taken."""
        return self.state_at(now) in OPEN

    @property
    def taken(self) -> list[Claim]:
        """What comes back of counters and limits when it is taken back."""
        return [Claim(*claim) for claim in self.claims]


def ensure_open(gift: Gift, now: datetime) -> None:
    """Refuse a gift that is not there to be taken any more.

    :raises GiftHandedOver: it was taken.
    :raises GiftExpired: its time is over.
    :raises GiftTakenBack: it was taken back.
    """
    state = gift.state_at(now)
    if state == "handed_over":
        raise GiftHandedOver
    if state == "expired":
        raise GiftExpired
    if state == "taken_back":
        raise GiftTakenBack


def shown(gift: Gift, now: datetime) -> Gift:
    """The gift once its member has seen it; seen again it stays as it is."""
    return replace(gift, state="shown", shown_at=now) if gift.state == "granted" else gift


def claimed(gift: Gift, now: datetime) -> Gift:
    """The gift once its member wants it: what lies at a counter waits there, anything else is handed over by it."""
    seen = shown(gift, now)
    wanted = replace(seen, claimed_at=seen.claimed_at or now)
    return replace(wanted, state="claimed") if gift.kind in _WAITS_THERE else handed_over(wanted, now)


def handed_over(gift: Gift, now: datetime, *, store: str | None = None, by: str | None = None) -> Gift:
    """The gift once its member has it."""
    return replace(
        gift, state="handed_over", shown_at=gift.shown_at or now, claimed_at=gift.claimed_at or now,
        handed_over_at=now, handed_over_store=store, handed_over_by=by, ended_at=now, remind_at=None,
    )  # fmt: skip


def taken_back(gift: Gift, now: datetime, *, by: UUID) -> Gift:
    """The gift once a return or a void (its id) has taken it back."""
    return replace(
        gift, state="taken_back", state_before=gift.state, taken_back_by=by, ended_at=now, remind_at=None,
        takes_stock=False,
    )  # fmt: skip


def given_again(gift: Gift) -> Gift:
    """The gift once the return that took it back was undone."""
    return replace(
        gift, state=gift.state_before or "granted", state_before=None, taken_back_by=None,
        ended_at=gift.handed_over_at,
    )  # fmt: skip


def expired(gift: Gift) -> Gift:
    """The gift once its time is over."""
    return replace(gift, state="expired", ended_at=gift.expires_at, remind_at=None, takes_stock=False)
