"""What happened, for the merchant's own backend to follow: at least once, in order per member, ids only (M5)."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from loyalty_api import events, ids
from loyalty_api.fields import Moment, QueryWhole, Schema, Text
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.paging import BadCursor, read_cursor, write_cursor

blueprint = Blueprint("events", __name__, url_prefix="/v1", description="What happened, to follow along.")


class EventQuery(Schema):
    """Where to go on, and how much at a time."""

    after = Text(longest=200, load_default=None, metadata={"description": "next_cursor of the page before"})
    limit = QueryWhole(least=1, most=200, load_default=100)


class EventSchema(Schema):
    """One thing that happened to one member; ids and numbers only, never personal data."""

    event_id = Text(required=True)
    kind = Text(required=True)
    member_id = Text(required=True)
    subject = Text(required=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    body = ma.fields.Dict(required=True)


class EventPageSchema(Schema):
    """A page of events. Send ``next_cursor`` as ``after`` next time, also when it is empty."""

    data = ma.fields.List(ma.fields.Nested(EventSchema()), required=True)
    next_cursor = Text(required=True, longest=200)


@blueprint.operation(
    "GET", "/events", "list_events", summary="What happened since", query=EventQuery(),
    answer=EventPageSchema(),
    answer_example={
        "data": [
            {
                "event_id": "evt_4711",
                "kind": "purchase_recorded",
                "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
                "subject": "pur_01m80xfza0e4trdbsjq23m1646",
                "occurred_at": "2026-11-21T15:06:40Z",
                "recorded_at": "2026-11-21T15:06:41Z",
                "body": {"points": 95},
            }
        ],
        "next_cursor": "WzQ3MTFd",
    },
    errors=(BadCursor,),
)  # fmt: skip
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """Remember ``next_cursor`` and send it as ``after`` next time; an event may come twice, never out of order."""
    place = read_cursor(query["after"], int)
    after = place[0] if place else 0
    with unit_of_work() as session:
        events.settle(session)
    with unit_of_work() as session:
        rows = events.after(session, position=after, limit=query["limit"])
    last = rows[-1]["position"] if rows else after
    return {"data": [_event(row) for row in rows], "next_cursor": write_cursor([last])}


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": f"evt_{row['position']}",
        "kind": row["kind"],
        "member_id": ids.show("mbr", row["member_id"]),
        "subject": row["subject"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "body": row["body"],
    }
