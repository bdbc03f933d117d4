"""The program's figures over HTTP."""

from __future__ import annotations

from typing import Any

from loyalty_api.analytics import service
from loyalty_api.analytics.edge import blueprint
from loyalty_api.fields import Schema, Whole
from loyalty_api.http import unit_of_work


class TotalsSchema(Schema):
    """Totals over everything recorded; walk-ins are not members, a claimed purchase counts once."""

    members = Whole(required=True)
    stores = Whole(required=True)
    stores_selling = Whole(required=True, metadata={"description": "stores with at least one purchase"})
    purchases = Whole(required=True)
    lines = Whole(required=True)
    paid_minor = Whole(required=True, metadata={"description": "what was paid for the lines, minor units"})
    points_base = Whole(required=True)
    points_bonus = Whole(required=True)
    points_issued = Whole(required=True, metadata={"description": "what the ledger has issued, net"})
    redemptions = Whole(required=True, metadata={"description": "redemptions whose points were used"})
    points_redeemed = Whole(required=True, metadata={"description": "points used, given back later or not"})
    returns = Whole(required=True, metadata={"description": "returns recorded, those that wait included"})
    voids = Whole(required=True, metadata={"description": "sales that were undone"})
    refundable_minor = Whole(required=True, metadata={"description": "money of what came back, minor units"})
    points_taken_back = Whole(required=True)
    points_given_back = Whole(required=True)


@blueprint.operation(
    "GET", "/program/totals", "get_program_totals", summary="Totals of the whole program",
    answer=TotalsSchema(),
    answer_example={
        "members": 2469, "stores": 457, "stores_selling": 457, "purchases": 155848, "lines": 1469307,
        "paid_minor": 459000000, "points_base": 4500000, "points_bonus": 240000, "points_issued": 4740000,
        "redemptions": 21300, "points_redeemed": 1150000,
        "returns": 0, "voids": 0, "refundable_minor": 0, "points_taken_back": 0, "points_given_back": 0,
    },
)  # fmt: skip
def totals() -> dict[str, Any]:
    """Read from the purchases and the ledger themselves, so it takes a moment on a large program."""
    with unit_of_work() as session:
        return dict(service.totals(session))
