"""Bonuses of periods over HTTP: how far a member has come, and what was settled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import current_app

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.fields import Day, Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, database
from loyalty_api.ledger.api import own_id
from loyalty_api.members import service as members
from loyalty_api.period_bonuses import rules, service

blueprint = Blueprint(
    "period_bonuses", __name__, url_prefix="/v1", description="Bonuses on what is spent in a period."
)


class BonusPeriodSchema(Schema):
    """The running period, by its local days."""

    name = Text(required=True)
    first_day = Day(required=True)
    last_day = Day(required=True)


BonusStepSchema = Schema.from_dict(
    {"from": Whole(required=True), "missing": Whole(required=True), "points": Whole(required=True)},
    name="BonusStepSchema",
)


class SettledPeriodSchema(Schema):
    """A period that is over: what counted in it in minor units, and what it came to."""

    period = Text(required=True)
    spent = Whole(required=True)
    points = Whole(required=True)
    settled_at = Moment(required=True)


class PeriodBonusSchema(Schema):
    """An estimate: ``points`` is what the period would give if it ended now. Without a ``period`` there is none."""

    member_id = Text(required=True)
    period = ma.fields.Nested(BonusPeriodSchema(), required=True, allow_none=True)
    spent = Whole(required=True, allow_none=True)
    points = Whole(required=True, allow_none=True)
    next = ma.fields.Nested(BonusStepSchema(), required=True, allow_none=True)
    settled = ma.fields.List(ma.fields.Nested(SettledPeriodSchema()), required=True)
    as_of = Moment(required=True)


EXAMPLE: dict[str, Any] = {
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "period": {"name": "2026-Q4", "first_day": "2026-10-01", "last_day": "2026-12-31"},
    "spent": 412300, "points": 100, "next": {"from": 500000, "missing": 87700, "points": 250},
    "settled": [{"period": "2026-Q3", "spent": 530100, "points": 250, "settled_at": "2026-09-30T22:04:00Z"}],
    "as_of": "2026-11-21T15:06:41Z",
}  # fmt: skip


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/period-bonus", "get_period_bonus",
    summary="A member's bonus of the running period", answer=PeriodBonusSchema(), answer_example=EXAMPLE,
    errors=(NotFound,),
)  # fmt: skip
def get_one(member_id: UUID) -> dict[str, Any]:
    """What `earn.period_table` would give if the period ended now, and what periods before have given."""
    return _standing(member_id)


@blueprint.operation(
    "GET", "/me/period-bonus", "me_period_bonus", summary="My bonus of the running period",
    answer=PeriodBonusSchema(), answer_example=EXAMPLE, errors=(NotFound,),
)  # fmt: skip
def get_own() -> dict[str, Any]:
    """The same of the token's member."""
    return _standing(own_id())


def _standing(member_id: UUID) -> dict[str, Any]:
    now = clock.now()
    number, program = current_app.extensions["programs"].current(database(), now)
    table = rules.table(program.settings, version=number) if program else None
    with database().unit_of_work(snapshot=True) as session:
        members.standing(session, member_id=member_id)
        found = service.standing(driver(session), table, member_id=member_id, now=now)
    period = found["period"]
    shown = period and {
        "name": period.name, "first_day": period.first, "last_day": period.end - timedelta(days=1)
    }  # fmt: skip
    nothing = {"spent": None, "points": None, "next": None}
    return {
        **nothing, **found, "member_id": ids.show("mbr", member_id), "period": shown, "as_of": now
    }  # fmt: skip
