"""From what a client wishes to what will be held, at the server's price."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from loyalty_api.ledger.service import Book
from loyalty_api.members import service as members
from loyalty_api.program.rules import Settings
from loyalty_api.redemptions import booking, rules
from loyalty_api.redemptions.rules import Caller, Price, Redemption
from loyalty_api.redemptions.writing import Wish
from loyalty_api.rewards.rules import Reward


def ensure_may_spend(status: str) -> None:
    """Refuse a member who may not use points.

    :raises MemberBlocked: the account is blocked, or may earn only.
    :raises MemberClosed: the membership has ended.
    """
    if status in ("closed", "erased"):
        raise members.MemberClosed
    if status != "active":
        raise members.MemberBlocked("This account cannot use points right now.")


def price_of(
    book: Book, wish: Wish, reward: Reward | None, policy: Settings
) -> tuple[Price, rules.Rate | None]:
    """What it takes, at the server's price, and the rate that makes points money."""
    section = policy.sections["redeem"]
    if reward:
        return Price(reward.points * wish.quantity), rules.rate_of(section) if section.get("rate") else None
    rate = rules.rate_of(section)
    if wish.purpose == "points":
        return rules.for_points(rate, wish.points or 0), rate
    available = book.balance.available
    limits = {"max_points": wish.max_points, "max_amount": wish.max_amount}
    return rules.for_basket(rate, available=available, **limits), rate


def wanted_by(
    member_id: UUID,
    redemption_id: UUID,
    wish: Wish,
    price: Price,
    rate: rules.Rate | None,
    policy: Settings,
    caller: Caller,
    now: datetime,
) -> Redemption:
    """The redemption as it will be held."""
    lifetime = booking.lifetime(policy.sections["redeem"], at_till=not wish.in_app)
    ends = now + lifetime if wish.until is None else min(now + lifetime, wish.until)
    worth = {"points": rate.points, "amount": rate.amount} if rate and price.amount is not None else None
    return Redemption(
        member_id, redemption_id, wish.purpose, "held", price.points, price.amount, policy.currency, worth,
        wish.reward_id if wish.purpose == "reward" else None, wish.quantity, False, wish.store_id, wish.terminal,
        wish.cashier, wish.channel, caller.client_id, caller.kind, now, ends, (),
    )  # fmt: skip
