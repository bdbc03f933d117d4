"""What there is only so much of: the last coupon, the last of a budget or of a member's limit, and one gift.

A budget or a gift of the street is there once a day, so every schedule has a day of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.gifts import using
from loyalty_api.gifts.using import By
from loyalty_api.purchases import pricing, reserving
from loyalty_api.purchases import service as purchases
from loyalty_api.purchases.answers import answer
from loyalty_api.purchases.schemas import PurchaseSchema, QuoteSchema
from tests.coupons.printing import one as printed
from tests.model.exploring import Scene
from tests.model.street import Street, Till, Work
from tests.model.twins import BEGIN, CALLER, WHO, Twin
from tests.promotions.till import asked
from tests.support.shop import line, receipt

_days, _lanes = count(1), count(1)
_PRICE, _OFF = 2_000, 200
_BY = By("terminal", "cli_model", "str_1")


def last_coupon(street: Street) -> Scene:
    """A code that holds once is shown at two tills."""
    code, twins, at = printed(street.world.shop, name="LAST"), _two(street), _a_day()
    works = {
        name: _buying(street, till, twin, "code", at, off=True, coupons=[code])
        for name, till, twin in zip("AB", street.tills, twins, strict=False)
    }
    return Scene(works, partial(street.look, twins, now=at))


def coupon_reserved_and_used(street: Street) -> Scene:
    """A till holds a code for its basket while another one uses it."""
    code, twins, at = printed(street.world.shop, name="LAST"), _two(street), _a_day()
    one, other, _ = street.tills
    works = {
        "reserve": _reserving(street, one, twins[0], "code", at, coupons=[code]),
        "buy": _buying(street, other, twins[1], "code", at, off=True, coupons=[code]),
    }
    return Scene(works, partial(street.look, twins, now=at))


def last_of_a_budget(street: Street) -> Scene:
    """Two tills have taken off what the budget covers once."""
    twins, at = _two(street), _a_day()
    works = {
        name: _buying(street, till, twin, "few", at, off=True)
        for name, till, twin in zip("AB", street.tills, twins, strict=False)
    }
    return Scene(works, partial(street.look, twins, now=at))


def budget_reserved_and_taken(street: Street) -> Scene:
    """Two tills reserve the last of a budget while a third one has taken it off."""
    twins, at = [*_two(street), street.member()], _a_day()
    one, other, last = street.tills
    works = {
        "A": _reserving(street, one, twins[0], "few", at),
        "B": _reserving(street, other, twins[1], "few", at),
        "buy": _buying(street, last, twins[2], "few", at, off=True),
    }
    return Scene(works, partial(street.look, twins, now=at))


def last_of_a_limit(street: Street) -> Scene:
    """Two tills reserve for one member what a member has once."""
    twin, at = street.member(), _a_day()
    works = {
        name: _reserving(street, till, twin, "mine", at)
        for name, till in zip("AB", street.tills, strict=False)
    }
    return Scene(works, partial(street.look, [twin], now=at))


def last_gift(street: Street) -> Scene:
    """Two members buy what brings the one gift of the day."""
    twins, at = _two(street), _a_day()
    works = {
        name: _buying(street, till, twin, "cake", at)
        for name, till, twin in zip("AB", street.tills, twins, strict=False)
    }
    return Scene(works, partial(street.look, twins, now=at))


def one_gift_many_hands(street: Street) -> Scene:
    """A gift of points is claimed in the app while two tills hand it over."""
    twin, at = street.member(), _a_day()
    one, other, last = street.tills
    assert _buying(street, one, twin, "cheque", at)().endswith("cheque")
    with street.database.snapshot() as connection:
        row = connection.execute(
            "SELECT gift_id FROM gifts WHERE member_id = %s", (twin.member_id,)
        ).fetchone()
    assert row is not None
    claimed = partial(using.claim, member_id=twin.member_id)
    works = {
        "claim": _taking(street, one, claimed, row[0], at),
        "A": _taking(street, other, using.hand_over, row[0], at),
        "B": _taking(street, last, using.hand_over, row[0], at),
    }
    return Scene(works, partial(street.look, [twin], now=at))


def _two(street: Street) -> list[Twin]:
    return [street.member(), street.member()]


def _a_day() -> datetime:
    return BEGIN + timedelta(days=next(_days))


def _paper(
    twin: Twin, number: str, sku: str, at: datetime, *, off: bool = False, **more: Any
) -> dict[str, Any]:
    """A receipt of one line, as a till sends it; ``off``: with the promotion's discount taken off."""
    given = {"discounts": [{"source": "program", "promotion_id": sku, "amount": _OFF}]} if off else {}
    # Each basket has a lane of its own: the same quote in the same lane is the same wish.
    lane = str(next(_lanes))
    sold = line(_PRICE, sku=sku, **given)
    return receipt(
        sold, at=at, reference=number, terminal=lane, member_id=ids.show("mbr", twin.member_id), **more
    )


def _buying(street: Street, till: Till, twin: Twin, sku: str, at: datetime, **more: Any) -> Work:
    """A purchase; what the till is told of coupons, gifts and what could not be done."""
    purchase_id = street.world.new_id()
    body = PurchaseSchema().load(_paper(twin, purchase_id.hex, sku, at, **more))
    report = purchases.reported(body, vault=till.desk.vault, purchase_id=purchase_id)

    def do(session: Session) -> str:
        outcome = purchases.purchase(session, till.desk, report=report, who=WHO, now=at)
        told = answer(outcome.row or {}, till.desk.vault, clear=True)
        said = [*told["discrepancies"], *told["coupons"], *told["gifts"]]
        return " ".join(["recorded", *(_name(each) for each in said)])

    return lambda: till.try_to(do)


def _name(said: Mapping[str, Any]) -> str:
    return str(said.get("rule") or said.get("status") or said["code"])


def _reserving(street: Street, till: Till, twin: Twin, sku: str, at: datetime, **more: Any) -> Work:
    """What a quote needs is held; the quote was asked for before."""
    body = QuoteSchema().load(asked(_paper(twin, "-", sku, at, **more)))
    with street.database.unit_of_work() as session:
        quote_id = pricing.quote(session, till.desk, body=body, now=at)["quote_id"]
    reservation_id = street.world.new_id()

    def do(session: Session) -> str:
        reserving.reserve(
            session,
            till.desk,
            quote_id=quote_id,
            body=body,
            caller=CALLER,
            reservation_id=reservation_id,
            now=at,
        )
        return "reserved"

    return lambda: till.try_to(do)


def _taking(street: Street, till: Till, take: Callable[..., Any], gift_id: UUID, at: datetime) -> Work:
    """One step of a gift's life."""
    shop, step_id = till.shop.app.extensions["gifts"], street.world.new_id()

    def do(session: Session) -> str:
        return str(take(session, shop, gift_id=gift_id, step_id=step_id, by=_BY, now=at).state)

    return lambda: till.try_to(do)


SCENES: Mapping[str, Callable[[Street], Scene]] = {
    scene.__name__: scene
    for scene in (
        last_coupon, coupon_reserved_and_used, last_of_a_budget, budget_reserved_and_taken, last_of_a_limit, last_gift,
        one_gift_many_hands,
    )
}  # fmt: skip
