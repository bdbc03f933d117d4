"""Lots over HTTP: the points that arrived together, what is left of them, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.fields import Moment, Schema, Text, Whole
from loyalty_api.http import unit_of_work
from loyalty_api.ledger import queries_lots, reading, service
from loyalty_api.ledger.api import blueprint, own_id
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor

__all__ = ["blueprint"]

_PREFIXES = {"purchase": "pur", "adjustment": "adj", "redemption": "red", "return": "ret", "event": "evn"}
_AS_KEPT = (
    "points", "pending", "available", "held", "earned_at", "available_at", "expires_at", "program_version",
)  # fmt: skip


class LotSourceSchema(Schema):
    """What a lot comes from."""

    type = Text(required=True)
    id = Text(required=True, allow_none=True)


class LotSchema(Schema):
    """Points that arrived together: how many, from when until when they can be used, and where they are now."""

    lot_id = Text(required=True)
    source = ma.fields.Nested(LotSourceSchema(), required=True)
    points = Whole(required=True)
    pending = Whole(required=True)
    available = Whole(required=True)
    held = Whole(required=True)
    earned_at = Moment(required=True)
    available_at = Moment(required=True, allow_none=True)
    expires_at = Moment(required=True, allow_none=True)
    program_version = Whole(required=True, allow_none=True)
    explanation = Text(required=True)


LOT_EXAMPLE = {
    "lot_id": "lot_01m80xfza0e4trdbsjq23m1648",
    "source": {"type": "purchase", "id": "pur_01m80xfza0e4trdbsjq23m1646"},
    "points": 50,
    "pending": 0,
    "available": 20,
    "held": 30,
    "earned_at": "2026-11-21T15:06:40Z",
    "available_at": "2026-12-04T23:00:00Z",
    "expires_at": "2027-11-30T23:00:00Z",
    "program_version": 12,
    "explanation": "/v1/members/mbr_01m80xfza0e4trdbsjq23m1646/lots/lot_01m80xfza0e4trdbsjq23m1648/explanation",
}
_MINE = "/v1/me/lots/lot_01m80xfza0e4trdbsjq23m1648/explanation"


def _lots(member_id: UUID, query: Mapping[str, Any], whose: str) -> dict[str, Any]:
    now, place = clock.now(), read_cursor(query["cursor"], datetime, UUID)
    with unit_of_work() as session:
        # Also where nothing is due it is asked whether there is such a member.
        if reading.balance_is_due(driver(session), member_id, now):
            service.settle_member(session, member_id=member_id, first_id=ids.new(), now=now)
        before = (place[0], place[1]) if place else None
        rows = queries_lots.lots_page(driver(session), member_id, before=before, limit=query["limit"] + 1)
    found = page(rows, limit=query["limit"], key=lambda row: [row["earned_at"], row["lot_id"]])
    return {**found, "data": [_document(row, whose) for row in found["data"]]}


def _document(row: Mapping[str, Any], whose: str) -> dict[str, Any]:
    lot_id, prefix = ids.show("lot", row["lot_id"]), _PREFIXES.get(row["source_type"])
    return {
        "lot_id": lot_id,
        "source": {
            "type": row["source_type"],
            "id": ids.show(prefix, row["source_id"]) if prefix and row["source_id"] else None,
        },
        **{name: row[name] for name in _AS_KEPT},
        "explanation": f"{whose}/lots/{lot_id}/explanation",
    }


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/lots", "list_member_lots", summary="A member's points by lot",
    query=PageQuery(), answer=page_of(LotSchema(), "LotPage"),
    answer_example={"data": [LOT_EXAMPLE], "next_cursor": None}, errors=(NotFound, BadCursor),
)  # fmt: skip
def list_lots(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Points that arrived together, the latest earned first, used up or not; each leads to what has become of it."""
    return _lots(member_id, query, f"/v1/members/{ids.show('mbr', member_id)}")


@blueprint.operation(
    "GET", "/me/lots", "me_lots", summary="My points by lot",
    query=PageQuery(), answer=page_of(LotSchema(), "LotPage"),
    answer_example={"data": [{**LOT_EXAMPLE, "explanation": _MINE}], "next_cursor": None},
    errors=(NotFound, BadCursor),
)  # fmt: skip
def list_own_lots(query: dict[str, Any]) -> dict[str, Any]:
    """The same as the lots of the token's member."""
    return _lots(own_id(), query, "/v1/me")
