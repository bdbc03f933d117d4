"""Promotions over HTTP, for those who watch what they cost."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app

from loyalty_api import clock
from loyalty_api.analytics import promotions
from loyalty_api.analytics.edge import blueprint
from loyalty_api.analytics.promotions import PromotionUnknown, Told, Use
from loyalty_api.fields import Flag, Schema, Text, Whole
from loyalty_api.http import unit_of_work
from loyalty_api.promotions.rules_types import Limit


class MeasureSchema(Schema):
    """Money in minor units, and how many purchases; what the program does not limit is left out."""

    amount = Whole()
    times = Whole()


class BudgetSchema(MeasureSchema):
    """What it may give to all members together in each period."""

    per = Text(required=True)
    period = Text(required=True, metadata={"description": "the present one: 2026-11-21, 2026-W47, always …"})
    by_store = Flag(required=True)


class MemberLimitSchema(MeasureSchema):
    """What it may give to one member in each period."""

    per = Text(required=True)


class PromotionUseSchema(Schema):
    """What was given in the present period; ``held`` is the part of it that quotes have reserved."""

    store = Text(required=True, allow_none=True, metadata={"description": "null: the whole budget"})
    taken = ma.fields.Nested(MeasureSchema(), required=True)
    held = ma.fields.Nested(MeasureSchema(), required=True)
    left = ma.fields.Nested(MeasureSchema(), required=True)


class PromotionSchema(Schema):
    """A promotion of the version in force."""

    promotion_id = Text(required=True)
    name = ma.fields.Dict(keys=Text(), values=Text(), required=True)
    paused = Flag(required=True)
    used_up = Flag(required=True, metadata={"description": "whether nothing of its budget is left anywhere"})
    budget = ma.fields.Nested(BudgetSchema(), required=True, allow_none=True)
    limits = ma.fields.List(ma.fields.Nested(MemberLimitSchema()), required=True)
    cooldown_days = Whole(required=True)
    use = ma.fields.List(ma.fields.Nested(PromotionUseSchema()), required=True)


class PromotionListSchema(Schema):
    """All of them, in the order in which they act."""

    data = ma.fields.List(ma.fields.Nested(PromotionSchema()), required=True)


EXAMPLE: dict[str, Any] = {
    "promotion_id": "cheese_week", "name": {"en": "Cheese week"}, "paused": False, "used_up": False,
    "budget": {"amount": 1000000, "per": "week", "period": "2026-W47", "by_store": False},
    "limits": [{"per": "day", "times": 1}], "cooldown_days": 0,
    "use": [{"store": None, "taken": {"amount": 381200}, "held": {"amount": 500}, "left": {"amount": 618800}}],
}  # fmt: skip


def _limit(limit: Limit) -> dict[str, Any]:
    said = {"amount": limit.amount, "times": limit.times}
    return {"per": limit.per, **{name: number for name, number in said.items() if number is not None}}


def _use(one: Use) -> dict[str, Any]:
    return {
        "store": one.store_id,
        "taken": dict(one.taken),
        "held": dict(one.held),
        "left": dict(one.left),
    }


def _shown(told: Told) -> dict[str, Any]:
    limits = told.promotion.limits
    budget = limits.budget if limits else None
    return {
        "promotion_id": told.promotion.rule_id,
        "name": dict(told.promotion.name),
        "paused": told.paused,
        "used_up": told.used_up,
        "budget": {**_limit(budget), "period": told.period, "by_store": limits.by_store}
        if budget and limits
        else None,
        "limits": [_limit(one) for one in limits.of_member] if limits else [],
        "cooldown_days": limits.cooldown if limits else 0,
        "use": [_use(one) for one in told.use],
    }


@blueprint.operation(
    "GET", "/promotions", "list_promotions", summary="Promotions in force, and what is left of each",
    answer=PromotionListSchema(), answer_example={"data": [EXAMPLE]},
)  # fmt: skip
def list_all() -> dict[str, Any]:
    """Those of the version in force, in the order in which they act. Only what has a budget is counted for all."""
    with unit_of_work() as session:
        found = promotions.in_force(session, current_app.extensions["programs"], now=clock.now())
    return {"data": [_shown(told) for told in found]}


@blueprint.operation(
    "GET", "/promotions/<promotion_id>", "get_promotion", summary="A promotion and what is left of it",
    answer=PromotionSchema(), answer_example=EXAMPLE, errors=(PromotionUnknown,),
)  # fmt: skip
def get(promotion_id: str) -> dict[str, Any]:
    """As the version in force has it."""
    programs = current_app.extensions["programs"]
    with unit_of_work() as session:
        return _shown(promotions.named(session, programs, promotion_id=promotion_id, now=clock.now()))
