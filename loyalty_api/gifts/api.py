"""Gifts over HTTP: what a member has, opened and claimed in an app, handed over at a counter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.gifts import queries, rewarding, rules_life, schemas, using
from loyalty_api.gifts.rules_life import Gift
from loyalty_api.gifts.schemas import GiftSchema, HandOverGiftBody
from loyalty_api.gifts.service import Shop
from loyalty_api.gifts.telling import document, redemption
from loyalty_api.gifts.using import By
from loyalty_api.http import Blueprint, spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.members import service as members
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.rewards.rules import RewardNotAvailable
from loyalty_api.security import StoreNotAllowed, ensure_store, principal

blueprint = Blueprint(
    "gifts",
    __name__,
    url_prefix="/v1",
    description="Gifts: what a member was given, why, and what became of it.",
)
_TAKEN = (rules_life.GiftUnknown, rules_life.GiftExpired, rules_life.GiftTakenBack)
_SPEAKS = {"Accept-Language": "the language of title and why"}


def _shop() -> Shop:
    found: Shop = current_app.extensions["gifts"]
    return found


def _shown(session: Session, gifts: Sequence[Gift], *, hidden: bool, now: datetime) -> list[dict[str, Any]]:
    """Gifts of one member with the names that their rules had when they were given, and what rewards became.

    Codes stand in full in what the member reads (``hidden``).
    """
    connection, programs, language = driver(session), _shop().programs, spoken()
    became = rewarding.shown(connection, _shop().vault, gifts, clear=hidden, now=now)
    found = []
    for gift in gifts:
        program = programs.numbered(connection, gift.program_version)
        rule = program.gifts.numbered(gift.rule) if program and program.gifts else None
        currency = program.settings.currency if program else ""
        shown = document(gift, rule, language=language, currency=currency, now=now, hidden=hidden)
        became_of = became.get(gift.redemption_id) if gift.redemption_id else None
        found.append({**shown, "redemption": redemption(became_of) if became_of else None})
    return found


def _list(member_id: UUID, query: dict[str, Any], *, hidden: bool) -> dict[str, Any]:
    place = read_cursor(query["cursor"], datetime, UUID)
    with unit_of_work() as session:
        members.ensure_known(session, member_id=member_id)
        found = queries.of_member(
            driver(session),
            member_id,
            before=(place[0], place[1]) if place else None,
            limit=query["limit"] + 1,
        )
        listed = page(found, limit=query["limit"], key=lambda gift: [gift.granted_at, gift.gift_id])
        return {**listed, "data": _shown(session, listed["data"], hidden=hidden, now=clock.now())}


def _one(gift_id: UUID, member_id: UUID, *, hidden: bool) -> dict[str, Any]:
    with unit_of_work() as session:
        gift = using.find(session, gift_id=gift_id, member_id=member_id)
        return _shown(session, [gift], hidden=hidden, now=clock.now())[0]


def _answer(session: Session, gift: Gift, now: datetime, *, hidden: bool) -> Answer:
    return Answer(_shown(session, [gift], hidden=hidden, now=now)[0], owner=gift.member_id)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/gifts", "list_member_gifts", summary="A member's gifts", query=PageQuery(),
    answer=page_of(GiftSchema(), "MemberGiftPage"), answer_example={"data": [schemas.GIFT], "next_cursor": None},
    headers=_SPEAKS, errors=(NotFound,),
)  # fmt: skip
def list_of_member(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """The latest first, each as it stands now, with why it was given."""
    return _list(member_id, query, hidden=False)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/gifts/<gft:gift_id>", "get_member_gift", summary="One gift of a member's",
    answer=GiftSchema(), answer_example=schemas.GIFT, headers=_SPEAKS, errors=(rules_life.GiftUnknown,),
)  # fmt: skip
def get_of_member(member_id: UUID, gift_id: UUID) -> dict[str, Any]:
    """With why it was given, odds included."""
    return _one(gift_id, member_id, hidden=False)


@blueprint.operation(
    "POST", "/gifts/<gft:gift_id>/hand-over", "hand_gift_over", summary="Hand a gift over", body=HandOverGiftBody(),
    answer=GiftSchema(), example={"store": "str_0412"}, answer_example=schemas.HANDED_OVER, headers=_SPEAKS,
    errors=(*_TAKEN, rules_life.GiftHandedOver, RewardNotAvailable, StoreNotAllowed),
)  # fmt: skip
@idempotent()
def hand_over(session: Session, gift_id: UUID, body: dict[str, Any]) -> Answer:
    """The member has it, exactly once, however many ask at the same moment. Points are booked by it; a reward is
    collected, so that the code that the member may have for it is used up."""
    ensure_store(principal(), body["store"])
    now, by = clock.now(), By(principal().kind, principal().client_id, body["store"])
    gift = using.hand_over(session, _shop(), gift_id=gift_id, step_id=ids.new(), by=by, now=now)
    return _answer(session, gift, now, hidden=False)


@blueprint.operation(
    "GET", "/me/gifts", "me_gifts", summary="My gifts", query=PageQuery(), answer=page_of(GiftSchema(), "MyGiftPage"),
    answer_example={"data": [schemas.UNOPENED], "next_cursor": None}, headers=_SPEAKS, errors=(NotFound,),
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first. What is not opened yet keeps what it is to itself."""
    return _list(own_id(), query, hidden=True)


@blueprint.operation(
    "GET", "/me/gifts/<gft:gift_id>", "me_gift", summary="One gift of mine", answer=GiftSchema(),
    answer_example=schemas.GIFT, headers=_SPEAKS, errors=(rules_life.GiftUnknown,),
)  # fmt: skip
def get_own(gift_id: UUID) -> dict[str, Any]:
    """With why it was given, odds included, once it is opened."""
    return _one(gift_id, own_id(), hidden=True)


@blueprint.operation(
    "POST", "/me/gifts/<gft:gift_id>/open", "me_open_gift", summary="Open a gift of mine", answer=GiftSchema(),
    answer_example=schemas.GIFT, headers=_SPEAKS, errors=_TAKEN,
)  # fmt: skip
@idempotent()
def open_own(session: Session, gift_id: UUID) -> Answer:
    """From then on it says what it is. Opening it again changes nothing."""
    now = clock.now()
    gift = using.open_one(session, member_id=own_id(), gift_id=gift_id, now=now)
    return _answer(session, gift, now, hidden=True)


@blueprint.operation(
    "POST", "/me/gifts/<gft:gift_id>/claim", "me_claim_gift", summary="Take a gift of mine", answer=GiftSchema(),
    answer_example=schemas.CLAIMED_REWARD, headers=_SPEAKS, errors=_TAKEN,
)  # fmt: skip
@idempotent()
def claim_own(session: Session, gift_id: UUID) -> Answer:
    """Points are booked by it; a reward becomes a `redemption` without points, with its code or its order; goods wait
    at the counter, where `gift_id` stands for them. Once is enough."""
    now, by = clock.now(), By(principal().kind, principal().client_id)
    gift = using.claim(
        session, _shop(), member_id=own_id(), gift_id=gift_id, step_id=ids.new(), by=by, now=now
    )
    return _answer(session, gift, now, hidden=True)
