"""What points pay for, and what may become of a redemption. Pure.

The price is the program's (``redeem.rate``): nothing that a client says of it is used. A redemption is ``held``, then
``captured`` or ``released``; one that nobody captures is ``expired``; what was captured can be given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from loyalty_api.errors import Action, Conflict, Fault, Forbidden, Invalid, NotFound
from loyalty_api.ledger.rules_spending import Taken

CLOCKS_DIFFER = timedelta(minutes=5)
CAPTURED = ("captured", "partly_reversed", "reversed")


class RedemptionUnknown(NotFound):
    """There is no redemption with this id."""

    code, title = "redemption_unknown", "There is no such redemption"


class NotRedeemableHere(Conflict):
    """The program has no price for a point, so points do not pay."""

    code, title = "not_redeemable_here", "Points do not pay here"
    action: ClassVar[Action] = "proceed_without"


class BelowMinimum(Conflict):
    """What could be used is less than the program's least use, or less than one step of its rate."""

    code, title = "below_minimum", "Too few points to be used"
    action: ClassVar[Action] = "proceed_without"


class HoldExpired(Conflict):
    """The hold had ended before the points were used."""

    code, title = "hold_expired", "The hold has ended"
    action: ClassVar[Action] = "proceed_without"


class HoldNotYours(Forbidden):
    """A receipt names a redemption of another member: a discrepancy of that receipt."""

    code, title = "hold_not_yours", "This redemption is another member's"
    action: ClassVar[Action] = "proceed_without"


class AlreadyCaptured(Conflict):
    """The points were used before, in another way than this asks for."""

    code, title = "already_captured", "The points have been used"
    action: ClassVar[Action] = "proceed_without"


class AlreadyReleased(Conflict):
    """The points were let go before."""

    code, title = "already_released", "The points have been let go"
    action: ClassVar[Action] = "proceed_without"


class AlreadyReversed(Conflict):
    """The points were given back before."""

    code, title = "already_reversed", "The points have been given back"
    action: ClassVar[Action] = "proceed_without"


class NotCaptured(Conflict):
    """Only points that were used can be given back; what is held is released."""

    code, title = "not_captured", "The points have not been used yet"


@dataclass(frozen=True, slots=True)
class Rate:
    """What ``points`` are worth, in minor units; points are used in multiples of ``step``, ``minimum`` at least."""

    points: int
    amount: int
    step: int = 1
    minimum: int = 0

    def worth(self, points: int) -> int:
        """What so many points pay for, in minor units, rounded down."""
        return points * self.amount // self.points

    def least_for(self, amount: int) -> int:
        """The fewest points that are worth ``amount``, whatever the step."""
        return -(-amount * self.points // self.amount)

    @property
    def least(self) -> int:
        """The fewest points that may be used: a whole number of steps, not below the minimum, worth something."""
        return _up(max(self.minimum, self.least_for(1), 1), self.step)


@dataclass(frozen=True, slots=True)
class Price:
    """What a redemption takes, and what it pays for in minor units (None: not money)."""

    points: int
    amount: int | None = None


def rate_of(section: Mapping[str, Any]) -> Rate:
    """The rate in the program's section ``redeem``.

    :raises NotRedeemableHere: there is none.
    """
    rate = section.get("rate")
    if not rate:
        raise NotRedeemableHere
    return Rate(rate["points"], rate["amount"], rate["step"], rate["minimum"])


def for_basket(rate: Rate, *, available: int, max_points: int | None, max_amount: int | None) -> Price:
    """The most that may be paid with points: of what is available, within both limits, in whole steps.

    Of the numbers of points that are worth the same, the smallest is taken.

    :raises BelowMinimum: that is less than the program's least use; ``missing`` says how many points it lacks.
    """
    most = min(available, available if max_points is None else max_points)
    if max_amount is not None:
        # The largest number of points that is not worth more than the amount.
        most = min(most, ((max_amount + 1) * rate.points - 1) // rate.amount)
    points = most // rate.step * rate.step
    if points < rate.least:
        more: dict[str, Any] = {"why": {"least": rate.least}}
        if available < rate.least:
            more["missing"] = {"points": rate.least - available}
        raise BelowMinimum(f"The least that can be used is {rate.least} points.", **more)
    amount = rate.worth(points)
    return Price(_up(rate.least_for(amount), rate.step), amount)


def for_points(rate: Rate, points: int) -> Price:
    """What exactly so many points pay for.

    :raises BelowMinimum: it is less than the program's least use.
    :raises Invalid: it is not a whole number of steps.
    """
    if points < rate.least:
        raise BelowMinimum(f"The least that can be used is {rate.least} points.", why={"least": rate.least})
    if points % rate.step:
        message = f"Points are used in steps of {rate.step}."
        raise Invalid(message, errors=[Fault("/points", "not_a_step", message)])
    return Price(points, rate.worth(points))


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


@dataclass(frozen=True, slots=True)
class Redemption:
    """One redemption as it is stored. ``amount`` None: points are not turned into money.

    ``lots`` are those that were taken, in order: when it was held, and anew when it was captured. ``captured_debt``
    of the captured points were owed, because they had been spent elsewhere (R45). ``takes_stock``: its quantity is
    counted as taken from the reward's stock.
    """

    member_id: UUID
    redemption_id: UUID
    purpose: str
    status: str
    points: int
    amount: int | None
    currency: str
    rate: Mapping[str, int] | None
    reward_id: UUID | None
    quantity: int
    takes_stock: bool
    store_id: str | None
    terminal: str | None
    cashier: str | None
    channel: str
    client_id: str
    actor_kind: str
    held_at: datetime
    expires_at: datetime
    lots: tuple[Taken, ...]
    captured_points: int = 0
    captured_amount: int = 0
    captured_debt: int = 0
    captured_at: datetime | None = None
    reversed_points: int = 0
    reversed_amount: int = 0
    reversed_because: str | None = None
    purchase_id: UUID | None = None
    ended_at: datetime | None = None

    def status_at(self, now: datetime) -> str:
        """Its state as of ``now``: a hold that nobody captured has expired, whether or not that was noted."""
        return "expired" if self.status == "held" and self.expires_at <= now else self.status

    def was_open_at(self, moment: datetime) -> bool:
        """Whether ``moment`` lies inside the hold; tills' clocks may be a few minutes behind ours."""
        return self.held_at - CLOCKS_DIFFER <= moment < self.expires_at

    @property
    def left(self) -> int:
        """The captured points that were not given back yet."""
        return self.captured_points - self.reversed_points

    def worth_of(self, points: int) -> int:
        """What so many of its points pay for: the share of its amount, rounded down; all of them, all of it."""
        return (self.amount or 0) * points // self.points


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; a client that is bound to a store speaks for that one only."""

    client_id: str
    kind: str
    store_id: str | None = None


def ensure_yours(found: Redemption, caller: Caller) -> None:
    """A store's client may touch what its own store holds, and what a member holds in the app.

    :raises RedemptionUnknown: it is another store's, and who asks shall not even learn that it is there.
    """
    if caller.store_id is not None and found.store_id not in (None, caller.store_id):
        raise RedemptionUnknown


def is_repeated_capture(found: Redemption, points: int | None) -> bool:
    """Whether the points are used already, just as this asks for; False when they are still to be used.

    :raises AlreadyCaptured: another number of points was used.
    :raises AlreadyReleased: they were let go.
    :raises AlreadyReversed: they were given back.
    """
    if found.status == "released":
        raise AlreadyReleased
    if found.status == "reversed":
        raise AlreadyReversed
    if found.status in CAPTURED and points not in (None, found.captured_points):
        raise AlreadyCaptured(f"{found.captured_points} points were used.")
    return found.status in CAPTURED


def is_repeated_release(found: Redemption, now: datetime) -> bool:
    """Whether the points are free already: let go before, or returned by themselves.

    :raises AlreadyCaptured: they were used.
    :raises AlreadyReversed: they were used and given back.
    """
    if found.status == "reversed":
        raise AlreadyReversed
    if found.status in CAPTURED:
        raise AlreadyCaptured
    return found.status_at(now) != "held"


def reversible(found: Redemption, points: int | None, now: datetime) -> int:
    """How many points a reversal gives back: all that is left unless fewer are asked for; 0 when all are back.

    :raises NotCaptured: the points are held.
    :raises AlreadyReleased: they were let go.
    :raises HoldExpired: they returned by themselves.
    :raises AlreadyReversed: fewer are left than are asked for.
    """
    refusals = {"held": NotCaptured, "released": AlreadyReleased, "expired": HoldExpired}
    status = found.status_at(now)
    if status in refusals:
        raise refusals[status]
    if points is not None and points > found.left and found.left:
        raise AlreadyReversed(f"{found.left} points are left to be given back.")
    return found.left if points is None else min(points, found.left)


def next_steps(status: str) -> list[str]:
    """What can be done with a redemption in this state."""
    if status == "held":
        return ["capture", "release"]
    return ["reverse"] if status in ("captured", "partly_reversed") else []
