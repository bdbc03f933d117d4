"""Rewards as a member sees them: what can be had, and otherwise why not and how many points are missing (M10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma

from loyalty_api import clock, ids
from loyalty_api.errors import NotFound
from loyalty_api.fields import Choice, Flag, Moment, Schema, Text, Whole
from loyalty_api.http import LANGUAGE, spoken, unit_of_work
from loyalty_api.ledger.api import own_id
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.redemptions import examples, service
from loyalty_api.redemptions.edge import blueprint, counter, reason_text
from loyalty_api.redemptions.rules import NotRedeemableHere
from loyalty_api.rewards.api import RewardPriceSchema
from loyalty_api.rewards.rules import FULFILMENTS, KINDS, stock_word


class OfferedReasonSchema(Schema):
    """Why a reward is not to be had."""

    code = Text(required=True)
    text = Text(required=True, longest=500)


class OfferedRewardSchema(Schema):
    """A reward for one member, here and now."""

    reward_id = Text(required=True)
    kind = Choice(*KINDS, required=True)
    name = Text(required=True, longest=200)
    text = Text(required=True, allow_none=True, longest=4000)
    image_url = Text(required=True, allow_none=True, longest=1000)
    terms_url = Text(required=True, allow_none=True, longest=1000)
    price = ma.fields.Nested(RewardPriceSchema(), required=True)
    value = ma.fields.Dict(required=True, allow_none=True)
    fulfilment = Choice(*FULFILMENTS, required=True)
    valid_until = Moment(required=True, allow_none=True)
    available = Flag(required=True)
    reasons = ma.fields.List(ma.fields.Nested(OfferedReasonSchema()), required=True)
    missing_points = Whole(required=True)
    stock = Choice("many", "few", "none", required=True)


class OfferedQuery(PageQuery):
    """Where the member is."""

    store = Text(longest=44, load_default=None, metadata={"description": "the store the member is in"})


OFFERED: dict[str, Any] = {
    "reward_id": examples.REWARD, "kind": "product", "name": "A coffee", "text": None, "image_url": None,
    "terms_url": None, "price": {"points": 200, "money": None}, "value": None, "fulfilment": "none",
    "valid_until": None, "available": False, "missing_points": 57, "stock": "many",
    "reasons": [{"code": "insufficient_points", "text": "57 points are missing."}],
}  # fmt: skip
_PAGE: dict[str, Any] = {"data": [OFFERED], "next_cursor": None}


def _offered(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        found = service.offered_to(
            session, counter(), member_id=member_id, store_id=query["store"],
            after=after[0] if after else None, limit=query["limit"] + 1, now=clock.now(),
        )  # fmt: skip
    shown = page(found, limit=query["limit"], key=lambda each: [each[0].reward_id])
    return {**shown, "data": [_document(*each) for each in shown["data"]]}


def _document(reward: Any, left: int | None, against: list[Any]) -> dict[str, Any]:
    missing = sum(reason.missing for reason in against)
    return {
        "reward_id": ids.show("rwd", reward.reward_id),
        "kind": reward.kind,
        "name": reward.name_in(spoken()),
        "text": reward.text_in(spoken()),
        "image_url": reward.image_url,
        "terms_url": reward.terms_url,
        "price": {"points": reward.points, "money": reward.money},
        "value": dict(reward.value) if reward.value else None,
        "fulfilment": reward.fulfilment,
        "valid_until": reward.valid_until,
        "available": not against,
        "reasons": [
            {"code": reason.code, "text": reason_text(reason.code, missing=reason.missing)}
            for reason in against
        ],
        "missing_points": missing,
        "stock": stock_word(left),
    }


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/rewards", "list_member_rewards", summary="Rewards for a member",
    query=OfferedQuery(), answer=page_of(OfferedRewardSchema(), "OfferedRewardPage"), headers=LANGUAGE,
    answer_example=_PAGE, errors=(NotFound, NotRedeemableHere),
)  # fmt: skip
def list_of_member(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Each with whether it can be had, and otherwise every reason and how many points are missing."""
    return _offered(member_id, query)


@blueprint.operation(
    "GET", "/me/rewards", "me_rewards", summary="Rewards for me",
    query=OfferedQuery(), answer=page_of(OfferedRewardSchema(), "OfferedRewardPage"), headers=LANGUAGE,
    answer_example=_PAGE, errors=(NotFound, NotRedeemableHere),
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """Each with whether I can have it, and otherwise why not."""
    return _offered(own_id(), query)
