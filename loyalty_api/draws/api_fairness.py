"""The report on fairness over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from flask import current_app

from loyalty_api import clock
from loyalty_api.draws import fairness
from loyalty_api.draws.api import blueprint
from loyalty_api.errors import Fault, Invalid
from loyalty_api.fields import Day, Schema, Text, Whole
from loyalty_api.http import database
from loyalty_api.ledger.api import program_now
from loyalty_api.rulekit.days import local_day

__all__ = ["blueprint"]

_USUAL, _MOST = 28, 400


class FairnessQuery(Schema):
    """Of which local days: four weeks up to today when left out, 400 days at most."""

    first = Day(data_key="from", load_default=None)
    last = Day(data_key="to", load_default=None)


class LuckSchema(Schema):
    """Draws that have something in common: the wins to expect by the odds they were drawn at, and those there were."""

    name = Text(required=True, shortest=0)
    draws = Whole(required=True)
    expected = Text(required=True)
    wins = Whole(required=True)


class LuckTestSchema(Schema):
    """Groups of draws with a chi-square test over them."""

    groups = ma.fields.List(ma.fields.Nested(LuckSchema()), required=True)
    chi_square = Text(required=True)
    freedom = Whole(required=True)
    p = Text(
        required=True,
        allow_none=True,
        metadata={"description": "How likely luck alone is to stray so far; null: too few draws to say."},
    )


class StaffGiftsSchema(Schema):
    """How many gifts staff gave by hand."""

    store = Text(required=True, shortest=0)
    gift = Text(required=True)
    gifts = Whole(required=True)


FairnessSchema = Schema.from_dict(
    {
        "from": Day(required=True),
        "to": Day(required=True),
        "gift": ma.fields.Nested(LuckTestSchema(), required=True),
        "store": ma.fields.Nested(LuckTestSchema(), required=True),
        "tier": ma.fields.Nested(LuckTestSchema(), required=True),
        "hour": ma.fields.Nested(LuckTestSchema(), required=True),
        "staff_gifts": ma.fields.List(ma.fields.Nested(StaffGiftsSchema()), required=True),
    },
    name="FairnessSchema",
)

_LUCK = {
    "groups": [{"name": "str_0412", "draws": 1880, "expected": "37.60", "wins": 41}],
    "chi_square": "0.314", "freedom": 1, "p": "0.5754",
}  # fmt: skip
EXAMPLE: dict[str, Any] = {
    "from": "2026-10-25", "to": "2026-11-21", "gift": _LUCK, "store": _LUCK, "tier": _LUCK, "hour": _LUCK,
    "staff_gifts": [{"store": "str_0412", "gift": "goodwill", "gifts": 12}],
}  # fmt: skip


@blueprint.operation(
    "GET", "/gifts/fairness", "get_gift_fairness", summary="Whether luck falls as the odds say", query=FairnessQuery(),
    answer=FairnessSchema(), answer_example=EXAMPLE, errors=(Invalid,),
)  # fmt: skip
def get_fairness(query: dict[str, Any]) -> dict[str, Any]:
    """Wins expected against wins there were, by gift, store, level and hour, each with a test; staff's gifts beside."""
    now = clock.now()
    _, settings = program_now(now)
    if settings is None:
        raise Invalid("There is no program in force.")
    last = query["last"] or local_day(now, settings.zone)
    first = query["first"] or last - timedelta(days=_USUAL - 1)
    if not timedelta(0) <= last - first <= timedelta(days=_MOST):
        raise Invalid(
            "The days do not fit.", errors=[Fault("/from", "out_of_range", "0 to 400 days before to.")]
        )
    with database().unit_of_work(snapshot=True) as session:
        vault = current_app.extensions["vault"]
        return fairness.report(session, vault=vault, first=first, last=last, zone=settings.zone)
