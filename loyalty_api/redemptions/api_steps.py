"""Redemptions over HTTP, for tills and for the member's app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.errors import Fault, Invalid, NotFound
from loyalty_api.http import spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.ledger.rules_spending import InsufficientPoints
from loyalty_api.members.service import IdentifierUnknown, MemberBlocked, MemberClosed
from loyalty_api.quotes import read_quote
from loyalty_api.redemptions import examples, rules, service, verifying
from loyalty_api.redemptions.answers import document
from loyalty_api.redemptions.edge import blueprint, caller, counter, member_named, speaking_for
from loyalty_api.redemptions.schemas import (
    CaptureBody,
    OwnRedemptionBody,
    RedemptionBody,
    RedemptionSchema,
    ReleaseBody,
    ReverseBody,
)
from loyalty_api.redemptions.service import Done, Wish
from loyalty_api.rewards.rules import MemberLimitReached, RewardNotAvailable, RewardOutOfStock
from loyalty_api.rewards.service import RewardUnknown
from loyalty_api.security import StoreNotAllowed

_REFUSED = (
    NotFound, MemberBlocked, MemberClosed, InsufficientPoints, rules.NotRedeemableHere, rules.BelowMinimum,
    RewardUnknown, RewardNotAvailable, RewardOutOfStock, MemberLimitReached,
)  # fmt: skip
_STEP = (rules.RedemptionUnknown, rules.AlreadyReversed)


def counted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Count an attempt at a member's code before the request itself, whose refusal would undo the count."""

    @wraps(view)
    def write(**arguments: Any) -> Any:
        if arguments["body"]["verification"]:
            with unit_of_work() as session:
                member_id = member_named(session, arguments["body"])
                verifying.count_attempt(session, member_id=member_id)
        return view(**arguments)

    return write


@blueprint.operation(
    "POST", "/redemptions", "create_redemption", summary="Hold points to use them", status=201,
    body=RedemptionBody(), answer=RedemptionSchema(), example=examples.HOLD, answer_example=examples.HELD,
    errors=(*_REFUSED, IdentifierUnknown, StoreNotAllowed, verifying.VerificationRequired),
)  # fmt: skip
@counted
@idempotent(status=201)
def create(session: Session, body: dict[str, Any]) -> Answer:
    """The server computes the price by the program's rate; a hold that nobody captures returns by itself.

    Name it in the purchase's `payments` to capture it there, or capture or release it by its own call.
    """
    now = clock.now()
    wish = _wish(
        body,
        max_points=body.get("max_points"),
        max_amount=_most(body),
        store_id=speaking_for(body.get("store")),
        terminal=body.get("terminal"),
        cashier=body["cashier"],
        code=(body["verification"] or {}).get("value"),
    )
    held = service.hold(
        session, counter(), member_id=member_named(session, body), redemption_id=ids.new(), wish=wish,
        caller=caller(), now=now,
    )  # fmt: skip
    return _answer(held)


@blueprint.operation(
    "POST", "/me/redemptions", "me_redeem", summary="Hold points of mine to use them", status=201,
    body=OwnRedemptionBody(), answer=RedemptionSchema(), example=examples.OWN_HOLD,
    answer_example=examples.HELD_REWARD, errors=_REFUSED,
)  # fmt: skip
@idempotent(status=201)
def create_own(session: Session, body: dict[str, Any]) -> Answer:
    """It lives until `expires_at`: show its code at the counter, confirm it, or cancel it."""
    held = service.hold(
        session, counter(), member_id=own_id(), redemption_id=ids.new(), wish=_wish(body, in_app=True),
        caller=caller(), now=clock.now(),
    )  # fmt: skip
    return _answer(held, clear=True)


def _most(body: Mapping[str, Any]) -> int | None:
    """The most that points may pay, in minor units: what the till says, and what the quote's basket lets them pay.

    :raises Invalid: a quote is all that says how much, and it is not one of ours.
    """
    quote = read_quote(current_app.extensions["vault"], body["quote_id"])
    limits = [body.get("max_amount"), quote.redeemable if quote else None]
    known = [limit for limit in limits if limit is not None]
    if not known and body["quote_id"] and "max_points" not in body:
        message = "This is not one of our quotes, or nobody's points could pay its basket."
        raise Invalid(message, errors=[Fault("/quote_id", "invalid_value", message)])
    return min(known) if known else None


def _wish(body: Mapping[str, Any], **more: Any) -> Wish:
    return Wish(
        body["purpose"],
        points=body.get("points"),
        reward_id=ids.read("rwd", body["reward_id"]) if "reward_id" in body else None,
        quantity=body["quantity"],
        channel=body["channel"],
        occurred_at=body.get("occurred_at"),
        **more,
    )


def _answer(done: Done, *, clear: bool = False) -> Answer:
    shown = document(done, now=clock.now(), language=spoken(), clear=clear)
    return Answer(shown, owner=done.redemption.member_id)


def _capture(session: Session, redemption_id: UUID, body: Mapping[str, Any], owner: UUID | None) -> Answer:
    now = clock.now()
    captured = service.capture(
        session, counter(), redemption_id=redemption_id, step_id=ids.new(), points=body.get("points"),
        occurred_at=body.get("occurred_at") or now, caller=caller(), now=now, owner=owner,
    )  # fmt: skip
    # A till prints the code for the member once, when it captures; the app shows it as long as it holds.
    return _answer(captured, clear=captured.fresh or owner is not None)


@blueprint.operation(
    "POST", "/redemptions/<red:redemption_id>/capture", "capture_redemption", summary="Use held points",
    body=CaptureBody(), answer=RedemptionSchema(), example=examples.CAPTURE, answer_example=examples.CAPTURED,
    errors=(*_STEP, rules.HoldExpired, rules.AlreadyCaptured, rules.AlreadyReleased),
)  # fmt: skip
@idempotent()
def capture(session: Session, redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """All of them, or fewer and the rest is let go. One that happened inside its hold is accepted late."""
    return _capture(session, redemption_id, body, None)


@blueprint.operation(
    "POST", "/me/redemptions/<red:redemption_id>/capture", "me_capture", summary="Confirm a redemption of mine",
    body=CaptureBody(), answer=RedemptionSchema(), example={}, answer_example=examples.CAPTURED,
    errors=(*_STEP, rules.HoldExpired, rules.AlreadyCaptured, rules.AlreadyReleased),
)  # fmt: skip
@idempotent()
def capture_own(session: Session, redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """Something physical is ordered by it."""
    return _capture(session, redemption_id, body, own_id())


def _release(session: Session, redemption_id: UUID, body: Mapping[str, Any], owner: UUID | None) -> Answer:
    now = clock.now()
    released = service.release(
        session, counter(), redemption_id=redemption_id, step_id=ids.new(),
        occurred_at=body.get("occurred_at") or now, caller=caller(), now=now, owner=owner,
    )  # fmt: skip
    return _answer(released, clear=owner is not None)


@blueprint.operation(
    "POST", "/redemptions/<red:redemption_id>/release", "release_redemption", summary="Let held points go",
    body=ReleaseBody(), answer=RedemptionSchema(), example=examples.RELEASE, answer_example=examples.RELEASED,
    errors=(*_STEP, rules.AlreadyCaptured),
)  # fmt: skip
@idempotent()
def release(session: Session, redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """They return to the lots they were taken from. What has returned by itself is answered as it stands."""
    return _release(session, redemption_id, body, None)


@blueprint.operation(
    "POST", "/me/redemptions/<red:redemption_id>/release", "me_release", summary="Cancel a redemption of mine",
    body=ReleaseBody(), answer=RedemptionSchema(), example={}, answer_example=examples.RELEASED,
    errors=(*_STEP, rules.AlreadyCaptured),
)  # fmt: skip
@idempotent()
def release_own(session: Session, redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """As long as it is held."""
    return _release(session, redemption_id, body, own_id())


@blueprint.operation(
    "POST", "/redemptions/<red:redemption_id>/reverse", "reverse_redemption", summary="Give used points back",
    body=ReverseBody(), answer=RedemptionSchema(), example=examples.REVERSE, answer_example=examples.REVERSED,
    errors=(*_STEP, rules.NotCaptured, rules.HoldExpired, rules.AlreadyReleased),
)  # fmt: skip
@idempotent()
def reverse(session: Session, redemption_id: UUID, body: dict[str, Any]) -> Answer:
    """To the same lots with the same expiry; a lot that has expired meanwhile lives on for the program's grace."""
    given = service.reverse(
        session, counter(), redemption_id=redemption_id, step_id=ids.new(), points=body.get("points"),
        reason=body["reason"], caller=caller(), now=clock.now(),
    )  # fmt: skip
    return _answer(given)
