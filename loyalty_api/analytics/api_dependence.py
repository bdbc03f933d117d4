"""How much buying depends on discounts, over HTTP, for those who decide about promotions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma

from loyalty_api import clock, ids
from loyalty_api.analytics import dependence
from loyalty_api.analytics.dependence import Dependence
from loyalty_api.analytics.edge import blueprint
from loyalty_api.errors import NotFound
from loyalty_api.fields import QueryWhole, Schema, Text, Whole
from loyalty_api.http import unit_of_work


class DaysQuery(Schema):
    """How far back to look."""

    days = QueryWhole(least=1, most=366, load_default=365)


class DependenceSchema(Schema):
    """Purchases that were not undone or brought back whole; money in minor units."""

    days = Whole(required=True)
    purchases = Whole(required=True)
    purchases_discounted = Whole(
        required=True, metadata={"description": "with a discount of a promotion or coupon of the program"}
    )
    paid_minor = Whole(required=True)
    paid_discounted_minor = Whole(
        required=True, metadata={"description": "what was paid in purchases with a discount"}
    )
    discounts_minor = Whole(required=True, metadata={"description": "what promotions and coupons took off"})
    share_percent = Whole(
        required=True,
        allow_none=True,
        metadata={
            "description": "paid_discounted_minor of paid_minor, rounded down; null when nothing was paid"
        },
    )


class MemberDependenceSchema(DependenceSchema):
    """How much of one member's buying depends on discounts."""

    member_id = Text(required=True)


class RegularsSchema(Schema):
    """Members with at least four purchases, by how much of what they paid was paid in purchases with a discount."""

    none = Whole(required=True)
    under_25 = Whole(required=True)
    under_50 = Whole(required=True)
    under_75 = Whole(required=True)
    from_75 = Whole(required=True)


class ProgramDependenceSchema(DependenceSchema):
    """How much the buying of all members together depends on discounts."""

    members = Whole(required=True, metadata={"description": "with at least one purchase"})
    regulars = ma.fields.Nested(RegularsSchema(), required=True)


_EXAMPLE: dict[str, Any] = {
    "days": 365, "purchases": 48, "purchases_discounted": 9, "paid_minor": 1894000, "paid_discounted_minor": 402500,
    "discounts_minor": 40250, "share_percent": 21,
}  # fmt: skip


def _shown(found: Dependence, days: int) -> dict[str, Any]:
    return {
        "days": days,
        "purchases": found.purchases,
        "purchases_discounted": found.discounted,
        "paid_minor": found.paid,
        "paid_discounted_minor": found.paid_discounted,
        "discounts_minor": found.discounts,
        "share_percent": found.share,
    }


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/discount-dependence", "get_member_discount_dependence",
    summary="How much of a member's buying depends on discounts", query=DaysQuery(), answer=MemberDependenceSchema(),
    answer_example={"member_id": "mbr_01m80xfza0e4trdbsjq23m1646", **_EXAMPLE}, errors=(NotFound,),
)  # fmt: skip
def of_member(query: dict[str, Any], member_id: UUID) -> dict[str, Any]:
    """Of the purchases of the last `days` days. Discounts of the till itself do not count."""
    with unit_of_work() as session:
        found = dependence.of_member(session, member_id=member_id, days=query["days"], now=clock.now())
    return {"member_id": ids.show("mbr", member_id), **_shown(found, query["days"])}


@blueprint.operation(
    "GET", "/program/discount-dependence", "get_program_discount_dependence",
    summary="How much the members' buying depends on discounts", query=DaysQuery(), answer=ProgramDependenceSchema(),
    answer_example={
        "members": 2469, **_EXAMPLE, "purchases": 155848, "purchases_discounted": 31200, "paid_minor": 459000000,
        "paid_discounted_minor": 96390000, "discounts_minor": 995715,
        "regulars": {"none": 610, "under_25": 1204, "under_50": 398, "under_75": 61, "from_75": 12},
    },
)  # fmt: skip
def of_program(query: dict[str, Any]) -> dict[str, Any]:
    """Read from the purchases themselves, so it takes a moment on a large program: ask for fewer `days` then."""
    with unit_of_work() as session:
        found = dependence.of_program(session, days=query["days"], now=clock.now())
    return {"members": found.members, **_shown(found.together, query["days"]), "regulars": found.regulars}
