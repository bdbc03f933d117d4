"""The catalogue over HTTP, for those who keep it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import validate
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.errors import Invalid
from loyalty_api.fields import Choice, Moment, Rate, Schema, Text, Whole
from loyalty_api.http import Blueprint, PreconditionFailed, PreconditionRequired, require_match, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.rewards import service
from loyalty_api.rewards.rules import FULFILMENTS, KINDS, PERIODS
from loyalty_api.security import principal

blueprint = Blueprint("rewards", __name__, url_prefix="/v1", description="What points can buy")
IF_MATCH = {"If-Match": "the ETag you read; what has changed since is not overwritten"}
_LANGUAGE = r"[a-z]{2,3}"
_MOST = 100_000_000_000


def _words(longest: int) -> Any:
    return ma.fields.Dict(
        keys=Text(longest=3, pattern=_LANGUAGE), values=Text(longest=longest), validate=validate.Length(min=1, max=20)
    )  # fmt: skip


def _list(field: Any, most: int = 1000) -> Any:
    return ma.fields.List(field, load_default=list, validate=validate.Length(max=most))


class RewardPriceSchema(Schema):
    """What it costs: points, and money besides if it says so (minor units)."""

    points = Whole(required=True, least=1, most=1_000_000_000)
    money = Whole(least=1, most=_MOST, allow_none=True, load_default=None)


class RewardValueSchema(Schema):
    """What is taken off: an amount in minor units, or a percentage."""

    amount = Whole(least=1, most=_MOST)
    percent = Rate()


class RewardAudienceSchema(Schema):
    """For whom it is: members with any of the tags, and in any of the tiers; everyone when both are empty."""

    tags = _list(Text(longest=40), 32)
    tiers = _list(Text(longest=40), 32)


class RewardLimitSchema(Schema):
    """How many one member may have in each calendar period, or ever."""

    number = Whole(required=True, least=1, most=1_000_000)
    per = Choice(*PERIODS, required=True)


class RewardEditBody(Schema):
    """What is changed; the rest stays. ``stock``: how many are left now, null: there is no end of it."""

    name = _words(200)
    text = ma.fields.Dict(keys=Text(longest=3, pattern=_LANGUAGE), values=Text(longest=4000), allow_none=True)
    image_url = Text(longest=1000, allow_none=True, pattern=r"https://\S+")
    terms_url = Text(longest=1000, allow_none=True, pattern=r"https://\S+")
    price = ma.fields.Nested(RewardPriceSchema())
    value = ma.fields.Nested(RewardValueSchema(), allow_none=True)
    valid_from = Moment(allow_none=True)
    valid_until = Moment(allow_none=True)
    audience = ma.fields.Nested(RewardAudienceSchema())
    stores = ma.fields.List(Text(longest=44), validate=validate.Length(max=10_000))
    stock = Whole(least=0, most=1_000_000_000, allow_none=True)
    limit = ma.fields.Nested(RewardLimitSchema(), allow_none=True)
    fulfilment = Choice(*FULFILMENTS)


class RewardBody(Schema):
    """A reward to be offered."""

    kind = Choice(*KINDS, required=True)
    name = ma.fields.Dict(
        keys=Text(longest=3, pattern=_LANGUAGE), values=Text(longest=200), required=True,
        validate=validate.Length(min=1, max=20), metadata={"description": "by language"},
    )  # fmt: skip
    text = ma.fields.Dict(
        keys=Text(longest=3, pattern=_LANGUAGE), values=Text(longest=4000), allow_none=True, load_default=None
    )
    image_url = Text(longest=1000, allow_none=True, load_default=None, pattern=r"https://\S+")
    terms_url = Text(longest=1000, allow_none=True, load_default=None, pattern=r"https://\S+")
    price = ma.fields.Nested(RewardPriceSchema(), required=True)
    value = ma.fields.Nested(RewardValueSchema(), allow_none=True, load_default=None)
    valid_from = Moment(allow_none=True, load_default=None)
    valid_until = Moment(allow_none=True, load_default=None)
    audience = ma.fields.Nested(RewardAudienceSchema(), load_default=lambda: {"tags": [], "tiers": []})
    stores = _list(Text(longest=44), 10_000)
    stock = Whole(least=0, most=1_000_000_000, allow_none=True, load_default=None)
    limit = ma.fields.Nested(RewardLimitSchema(), allow_none=True, load_default=None)
    fulfilment = Choice(*FULFILMENTS, load_default="none")


class RewardSchema(RewardBody):
    """A reward as it is kept; ``stock`` is what is left of it."""

    reward_id = Text(required=True)
    status = Choice("active", "archived", required=True)


class RewardQuery(PageQuery):
    """Which rewards."""

    status = Choice("active", "archived", load_default=None, metadata={"description": "only these"})


BODY: dict[str, Any] = {
    "kind": "product", "name": {"en": "A coffee", "nb": "En kaffe"}, "price": {"points": 200},
    "limit": {"number": 1, "per": "day"}, "stock": 500,
}  # fmt: skip
REWARD: dict[str, Any] = {
    **BODY, "reward_id": "rwd_01m80xfza0e4trdbsjq23m1646", "status": "active", "text": None, "image_url": None,
    "terms_url": None, "price": {"points": 200, "money": None}, "value": None, "valid_from": None,
    "valid_until": None, "audience": {"tags": [], "tiers": []}, "stores": [], "fulfilment": "none",
}  # fmt: skip


def _document(kept: service.Kept) -> dict[str, Any]:
    return {
        "reward_id": ids.show("rwd", kept.reward_id),
        "status": kept.status,
        **kept.document,
        "stock": kept.stock_left,
    }


def _etag(kept: service.Kept) -> dict[str, str]:
    return {"ETag": f'"{kept.revision}"'}


@blueprint.operation(
    "POST", "/rewards", "create_reward", summary="Offer a reward", status=201, body=RewardBody(),
    answer=RewardSchema(), example=BODY, answer_example=REWARD, errors=(Invalid,),
)  # fmt: skip
@idempotent(status=201)
def create(session: Session, body: dict[str, Any]) -> Answer:
    """Members see it at once, unless `valid_from` says later."""
    stock = body.pop("stock")
    kept = service.add(
        session, reward_id=ids.new(), document=body, stock=stock, by=principal().client_id, now=clock.now()
    )
    return Answer(_document(kept), headers=_etag(kept))


@blueprint.operation(
    "GET", "/rewards", "list_rewards", summary="The catalogue", query=RewardQuery(),
    answer=page_of(RewardSchema(), "RewardPage"), answer_example={"data": [REWARD], "next_cursor": None},
)  # fmt: skip
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """In the order in which the rewards were made."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        kept = service.list_rewards(
            session, after=after[0] if after else None, limit=query["limit"] + 1, status=query["status"]
        )
    found = page(kept, limit=query["limit"], key=lambda each: [each.reward_id])
    return {**found, "data": [_document(each) for each in found["data"]]}


@blueprint.operation(
    "GET", "/rewards/<rwd:reward_id>", "get_reward", summary="One reward", answer=RewardSchema(),
    answer_example=REWARD, errors=(service.RewardUnknown,),
)  # fmt: skip
def get(reward_id: UUID) -> tuple[dict[str, Any], dict[str, str]]:
    """With the ETag that an edit needs."""
    with unit_of_work() as session:
        kept = service.find(session, reward_id=reward_id)
    return _document(kept), _etag(kept)


def _changed(session: Session, reward_id: UUID, changes: dict[str, Any]) -> Answer:
    found = service.find(session, reward_id=reward_id, lock=True)
    require_match(str(found.revision))
    kept = service.change(session, found=found, changes=changes, now=clock.now())
    return Answer(_document(kept), headers=_etag(kept))


@blueprint.operation(
    "PATCH", "/rewards/<rwd:reward_id>", "edit_reward", summary="Change a reward", body=RewardEditBody(),
    answer=RewardSchema(), example={"stock": 250}, answer_example={**REWARD, "stock": 250}, headers=IF_MATCH,
    errors=(service.RewardUnknown, PreconditionRequired, PreconditionFailed, Invalid),
)  # fmt: skip
@idempotent(required=False)
def edit(session: Session, reward_id: UUID, body: dict[str, Any]) -> Answer:
    """What is left out stays. What was redeemed already keeps its price."""
    return _changed(session, reward_id, body)


@blueprint.operation(
    "POST", "/rewards/<rwd:reward_id>/archive", "archive_reward", summary="Take a reward out of the catalogue",
    answer=RewardSchema(), answer_example={**REWARD, "status": "archived"}, headers=IF_MATCH,
    errors=(service.RewardUnknown, PreconditionRequired, PreconditionFailed),
)  # fmt: skip
@idempotent()
def archive(session: Session, reward_id: UUID) -> Answer:
    """Nobody can get it any more; what was redeemed stays so."""
    return _changed(session, reward_id, {"status": "archived"})
