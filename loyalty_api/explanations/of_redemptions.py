"""What points were used for: a reward or money off, at which price, and when they were set aside."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.rating.words import Step
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions.rules import Redemption
from loyalty_api.rewards import service as rewards


def redeemed(asked: Asked, row: Row) -> list[Step]:
    """The redemption that an entry belongs to: what it is for, its price, and when it was held."""
    found = redemptions.find(asked.connection, row["cause_id"])
    return _told(asked, found) if found else []


def in_purchase(asked: Asked, row: Row) -> list[Step]:
    """The redemption that paid for a purchase, by the lot that it took from."""
    paid = redemptions.of_purchase(asked.connection, row["member_id"], row["cause_id"])
    return _told(asked, _of_lot(paid, row))


def ended(asked: Asked, row: Row) -> list[Step]:
    """The hold that ended by itself with this entry."""
    found = redemptions.held_until(asked.connection, row["member_id"], row["occurred_at"])
    return _told(asked, _of_lot(found, row))


def _of_lot(found: Sequence[Redemption], row: Row) -> Redemption | None:
    named = [each for each in found if any(lot_id == row["lot_id"] for lot_id, _ in each.lots)]
    return next(iter([*named, *found]), None)


def _told(asked: Asked, found: Redemption | None) -> list[Step]:
    if found is None:
        return []
    return [
        *_use(asked, found),
        asked.day("set_aside", found.held_at),
        asked.step("redemption", asked.words.points(found.points)),
    ]


def _use(asked: Asked, found: Redemption) -> list[Step]:
    """A reward by its name, or money at the rate of the day it was held."""
    words = asked.words
    if found.reward_id is not None:
        name = rewards.get(asked.connection, found.reward_id).name_in(words.language)
        return [asked.step("reward", f"{found.quantity} × {name}" if found.quantity > 1 else name)]
    steps = []
    if found.amount is not None:
        steps.append(asked.step("worth", words.money(found.amount, found.currency)))
    if found.rate:
        rate = words.money(found.rate["amount"], found.currency)
        steps.append(asked.step("price", f"{words.points(found.rate['points'])} = {rate}"))
    return steps
