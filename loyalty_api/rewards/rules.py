"""What a reward asks of a member, and why it is not to be had. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, ClassVar, Literal
from uuid import UUID

from loyalty_api.errors import Action, Conflict
from loyalty_api.rulekit.days import ONE_DAY, begins, local_day, months_on

KINDS = ("product", "money_off", "percent_off", "code", "donation", "experience")
FULFILMENTS = ("none", "pickup", "delivery")
PERIODS = ("day", "week", "month", "year", "ever")
FEW = 10
# What a member carries to the counter: a single-use code stands for it.
_BY_CODE = ("product", "money_off", "percent_off", "code")
Stock = Literal["many", "few", "none"]


class RewardNotAvailable(Conflict):
    """The reward is not for this member, here and now; ``reasons`` say why."""

    code, title = "reward_not_available", "This reward is not to be had"
    action: ClassVar[Action] = "proceed_without"


class RewardOutOfStock(Conflict):
    """Fewer pieces are left than were asked for."""

    code, title = "reward_out_of_stock", "This reward has run out"
    action: ClassVar[Action] = "proceed_without"


class MemberLimitReached(Conflict):
    """The member has had as many of it as one member may have in the period."""

    code, title = "member_limit_reached", "No more of this reward for this member now"
    action: ClassVar[Action] = "proceed_without"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many one member may have: ``number`` in each ``per`` (a calendar period of the program's, or ever)."""

    number: int
    per: str


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward as it stands: its price in points (and money, minor units), for whom, where, when, and how many.

    Empty ``tags``, ``tiers`` and ``stores`` mean all. ``stock_left`` None: there is no end of it.
    """

    reward_id: UUID
    kind: str
    status: str
    names: Mapping[str, str]
    texts: Mapping[str, str]
    image_url: str | None
    terms_url: str | None
    points: int
    money: int | None
    value: Mapping[str, Any] | None
    valid_from: datetime | None
    valid_until: datetime | None
    tags: tuple[str, ...]
    tiers: tuple[str, ...]
    stores: tuple[str, ...]
    limit: Limit | None
    fulfilment: str
    stock_left: int | None
    revision: int

    def name_in(self, language: str) -> str:
        """Its name in a language, or in English, or in the first language it has one in."""
        return self.names.get(language) or self.names.get("en") or next(iter(self.names.values()))

    def text_in(self, language: str) -> str | None:
        """Its text likewise; None when it has none."""
        return self.texts.get(language) or self.texts.get("en") or next(iter(self.texts.values()), None)

    @property
    def by_code(self) -> bool:
        """Whether the member gets a single-use code for it."""
        return self.kind in _BY_CODE and self.fulfilment == "none"

    @property
    def by_order(self) -> bool:
        """Whether it is made ready for the member, to be picked up or sent."""
        return self.fulfilment != "none"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a reward: status, tags and tier of the member, points available, where (None: nowhere yet), when."""

    status: str
    tags: tuple[str, ...]
    tier: str | None
    available: int
    store_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a reward is not to be had; ``missing`` is a number of points."""

    code: str
    missing: int = 0


def reasons(reward: Reward, asking: Asking, *, had: int, left: int | None, quantity: int = 1) -> list[Reason]:
    """Every reason against giving so many of a reward, the final ones first; none: it can be had.

    ``had`` is how many the member has had in the limit's period, ``left`` how many are in stock (None: no end).
    """
    found = []
    if asking.status != "active":
        found.append(Reason("member_blocked"))
    if reward.status != "active" or (reward.valid_until and asking.now >= reward.valid_until):
        found.append(Reason("no_longer_offered"))
    if reward.valid_from and asking.now < reward.valid_from:
        found.append(Reason("not_yet_offered"))
    if (reward.tags and not set(reward.tags) & set(asking.tags)) or (
        reward.tiers and asking.tier not in reward.tiers
    ):
        found.append(Reason("not_for_this_member"))
    if reward.stores and asking.store_id is not None and asking.store_id not in reward.stores:
        found.append(Reason("not_in_this_store"))
    if left is not None and left < quantity:
        found.append(Reason(RewardOutOfStock.code))
    if reward.limit and had + quantity > reward.limit.number:
        found.append(Reason(MemberLimitReached.code))
    missing = reward.points * quantity - asking.available
    if missing > 0:
        found.append(Reason("insufficient_points", missing))
    return found


def not_to_be_given(reward: Reward | None, *, store_id: str | None, now: datetime) -> str | None:
    """The code of what stands against giving one away as a gift, or None. None as the reward: it is not there.

    Whom it is sold to, and how often, is no matter of gifts: whoever gives says who gets it. ``store_id`` None: none.
    """
    if reward is None:
        return "reward_unknown"
    if reward.status != "active" or (reward.valid_until and now >= reward.valid_until):
        return "no_longer_offered"
    if reward.valid_from and now < reward.valid_from:
        return "not_yet_offered"
    if reward.stores and store_id is not None and store_id not in reward.stores:
        return "not_in_this_store"
    return None


def period_start(per: str, now: datetime, zone: tzinfo) -> datetime | None:
    """When the present calendar period began, in the program's zone; None for ``ever``. Weeks begin on Monday."""
    first = _first_day(per, local_day(now, zone))
    return begins(first, zone) if first else None


def day_after(per: str, now: datetime, zone: tzinfo) -> date | None:
    """The first local day of the next calendar period; None for ``ever``."""
    first = _first_day(per, local_day(now, zone))
    if first is None or per in ("month", "year"):
        return first and months_on(first, 1 if per == "month" else 12)
    return first + (7 if per == "week" else 1) * ONE_DAY


def _first_day(per: str, day: date) -> date | None:
    if per == "ever":
        return None
    if per == "week":
        return day - day.weekday() * ONE_DAY
    if per == "day":
        return day
    return day.replace(month=1 if per == "year" else day.month, day=1)


def stock_word(left: int | None) -> Stock:
    """How much is left, as far as a member is told."""
    if left == 0:
        return "none"
    return "few" if left is not None and left <= FEW else "many"
