"""Back-tests over HTTP: what a draft would have decided of real purchases."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.errors import Invalid
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor
from loyalty_api.program.service import VersionUnknown
from loyalty_api.publishing import backtests
from loyalty_api.publishing.schemas_gifts import FIGURES, UNTOLD, ByGiftSchema, GiftFiguresSchema
from loyalty_api.security import principal

blueprint = Blueprint(
    "backtests", __name__, url_prefix="/v1", description="What a draft would have decided of real purchases."
)
STATES = ("queued", "running", "done", "failed", "cancelled")


class BacktestBody(Schema):
    """The window of the past that is replayed, and how many of a hundred members are looked at."""

    starts = Moment(required=True, data_key="from", metadata={"description": "the first moment replayed"})
    ends = Moment(
        required=True, data_key="to", metadata={"description": "up to, and without, this moment; not ahead"}
    )
    sample = Whole(
        least=1, most=100, allow_none=True, load_default=None,
        metadata={"description": "of a hundred members look at so many; left out: at all of them"},
    )  # fmt: skip


class WorthSchema(Schema):
    """Points before and after, less what came back, and what they are worth in minor units."""

    points_before = Whole(required=True)
    points_after = Whole(required=True)
    points_difference = Whole(required=True)
    cost_before = Whole(required=True, allow_none=True)
    cost_after = Whole(required=True, allow_none=True)
    cost_difference = Whole(required=True, allow_none=True)


class ByRuleSchema(WorthSchema):
    """One rule, or the benefit of a level."""

    rule = Text(required=True)


class ByStoreSchema(WorthSchema):
    """One store."""

    store = Text(required=True)


class ByTierSchema(WorthSchema):
    """The level that members held when they bought; null for none."""

    tier = Text(required=True, allow_none=True)


class ByWeekSchema(WorthSchema):
    """The purchases of one week, by its Monday."""

    week = Text(required=True)


class SizeSchema(Schema):
    """Members whose points differ by so many."""

    least = Whole(required=True, data_key="from")
    most = Whole(required=True, data_key="until")
    gaining = Whole(required=True)
    losing = Whole(required=True)


class OneSchema(Schema):
    """One member, by a pseudonym that leads to nobody."""

    pseudonym = Text(required=True)
    points_before = Whole(required=True)
    points_after = Whole(required=True)
    points_difference = Whole(required=True)


class AffectedSchema(Schema):
    """How many members gain and lose, by how much, and the ten for whom most would change."""

    gaining = Whole(required=True)
    losing = Whole(required=True)
    unchanged = Whole(required=True)
    distribution = ma.fields.List(ma.fields.Nested(SizeSchema), required=True)
    most = ma.fields.List(ma.fields.Nested(OneSchema), required=True)


class MoveSchema(Schema):
    """Members who would stand on another level at the window's end; null for none."""

    before = Text(required=True, allow_none=True, data_key="from")
    after = Text(required=True, allow_none=True, data_key="to")
    members = Whole(required=True)


class ConfidenceSchema(Schema):
    """What a sample says of everybody: the difference in points, and its bounds at ``level`` per cent."""

    level = Whole(required=True)
    members = Whole(required=True)
    of = Whole(required=True)
    points_difference = Whole(required=True)
    low = Whole(required=True, allow_none=True)
    high = Whole(required=True, allow_none=True)


class ResultSchema(Schema):
    """What would have changed. Members buy what they bought: behaviour does not react."""

    purchases = Whole(required=True)
    returns = Whole(required=True)
    members = Whole(required=True)
    totals = ma.fields.Nested(WorthSchema, required=True)
    by_rule = ma.fields.List(ma.fields.Nested(ByRuleSchema), required=True)
    by_store = ma.fields.List(ma.fields.Nested(ByStoreSchema), required=True)
    by_tier = ma.fields.List(ma.fields.Nested(ByTierSchema), required=True)
    by_week = ma.fields.List(ma.fields.Nested(ByWeekSchema), required=True)
    gifts = ma.fields.Nested(GiftFiguresSchema, required=True)
    by_gift = ma.fields.List(ma.fields.Nested(ByGiftSchema), required=True)
    affected = ma.fields.Nested(AffectedSchema, required=True)
    tier_moves = ma.fields.List(ma.fields.Nested(MoveSchema), required=True)
    liability = ma.fields.Nested(
        WorthSchema, required=True,
        metadata={"description": "of these points, those that have not expired when the window ends; none spent"},
    )  # fmt: skip
    confidence = ma.fields.Nested(ConfidenceSchema, required=True, allow_none=True)
    in_time_order = ma.fields.Boolean(
        required=True, metadata={"description": "whether a budget made everybody be replayed one after the other"}
    )  # fmt: skip
    notes = ma.fields.List(Text(), required=True)


class BacktestSchema(Schema):
    """A back-test: what it replays, how far it is, and its result once it is done."""

    backtest_id = Text(required=True)
    program_version_id = Text(required=True)
    fingerprint = Text(required=True, metadata={"description": "of the draft's document as it was then"})
    starts = Moment(required=True, data_key="from")
    ends = Moment(required=True, data_key="to")
    sample = Whole(required=True, allow_none=True)
    state = Choice(*STATES, required=True)
    done = Whole(required=True, metadata={"description": "members, or seconds of the window, that are done"})
    total = Whole(required=True, metadata={"description": "how many there are; 0 while it is queued"})
    created_by = Text(required=True)
    created_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)
    failure = Text(required=True, allow_none=True)
    result = ma.fields.Nested(ResultSchema, required=True, allow_none=True)


_WORTH = {
    "points_before": 1200, "points_after": 1260, "points_difference": 60, "cost_before": 1200, "cost_after": 1260,
    "cost_difference": 60,
}  # fmt: skip
QUEUED: dict[str, Any] = {
    "backtest_id": "bkt_01m80xfza0e4trdbsjq23m1646",
    "program_version_id": "prv_01m80xfza0e4trdbsjq23m1646",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "from": "2026-09-01T00:00:00Z",
    "to": "2026-10-01T00:00:00Z",
    "sample": None,
    "state": "queued",
    "done": 0,
    "total": 0,
    "created_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "created_at": "2026-10-01T08:00:00Z",
    "finished_at": None,
    "failure": None,
    "result": None,
}
RESULT: dict[str, Any] = {
    "purchases": 420,
    "returns": 3,
    "members": 61,
    "totals": _WORTH,
    "by_rule": [{"rule": "base", **_WORTH}],
    "by_store": [{"store": "str_0412", **_WORTH}],
    "by_tier": [{"tier": None, **_WORTH}],
    "by_week": [{"week": "2026-08-31", **_WORTH}],
    "gifts": FIGURES,
    "by_gift": [{"gift": "lucky_basket", **FIGURES}],
    "affected": {
        "gaining": 12,
        "losing": 0,
        "unchanged": 49,
        "distribution": [{"from": 1, "until": 9, "gaining": 12, "losing": 0}],
        "most": [{"pseudonym": "member-01", "points_before": 20, "points_after": 29, "points_difference": 9}],
    },
    "tier_moves": [{"from": "silver", "to": "gold", "members": 1}],
    "liability": _WORTH,
    "confidence": None,
    "in_time_order": False,
    "notes": ["behaviour_does_not_react", "chances_are_simulated", "gifts_stay"],
}
DONE = {
    **QUEUED,
    "state": "done",
    "done": 80,
    "total": 80,
    "finished_at": "2026-10-01T08:00:04Z",
    "result": RESULT,
}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    same = ("fingerprint", "starts", "ends", "sample", "state", "done", "total", "created_by", "created_at")
    return {
        "backtest_id": ids.show("bkt", row["backtest_id"]),
        "program_version_id": ids.show("prv", row["draft_id"]),
        **{name: row[name] for name in (*same, "finished_at", "failure")},
        "result": row["result"] and {**UNTOLD, **row["result"]},
    }


def _document(row: dict[str, Any]) -> dict[str, Any]:
    """As it is answered: with the names of the document's members."""
    shown = _shown(row)
    return {
        {"starts": "from", "ends": "to"}.get(name, name): value for name, value in shown.items()
    }  # fmt: skip


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/backtests", "create_backtest",
    summary="Replay real purchases through a draft", status=201, body=BacktestBody(), answer=BacktestSchema(),
    example={"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}, answer_example=QUEUED,
    errors=(VersionUnknown, Invalid, backtests.NothingInForce),
)  # fmt: skip
@idempotent(status=201)
def create(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:
    """Of what members bought in the window: what the draft, as it is now, would have decided, beside what was decided.

    A worker carries it out; ask for it again to see how far it is. Nothing changes by it.
    """
    row = backtests.ask(
        session, backtest_id=ids.new(), draft_id=draft_id, starts=body["starts"], ends=body["ends"],
        sample=body["sample"], by=principal().client_id, now=clock.now(),
    )  # fmt: skip
    return Answer(_document(row))


@blueprint.operation(
    "GET", "/program/versions/<prv:draft_id>/backtests", "list_backtests",
    summary="A draft's back-tests, the newest first", query=PageQuery(),
    answer=page_of(BacktestSchema(), "BacktestPage"), answer_example={"data": [DONE], "next_cursor": None},
    errors=(VersionUnknown, BadCursor),
)  # fmt: skip
def list_all(draft_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Each with its result."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        rows = backtests.of_draft(
            session, draft_id=draft_id, before=after[0] if after else None, limit=query["limit"] + 1
        )
    found = page(rows, limit=query["limit"], key=lambda row: [row["backtest_id"]])
    return {**found, "data": [_document(row) for row in found["data"]]}


@blueprint.operation(
    "GET", "/program/versions/<prv:draft_id>/backtests/<bkt:backtest_id>", "get_backtest",
    summary="One back-test, and how far it is", answer=BacktestSchema(), answer_example=DONE,
    errors=(backtests.BacktestUnknown,),
)  # fmt: skip
def get(draft_id: UUID, backtest_id: UUID) -> dict[str, Any]:
    """Points are less what came back; behaviour does not react: members buy what they bought."""
    with unit_of_work() as session:
        return _document(backtests.find(session, draft_id=draft_id, backtest_id=backtest_id))


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/backtests/<bkt:backtest_id>/cancel", "cancel_backtest",
    summary="End a back-test", answer=BacktestSchema(),
    answer_example={**QUEUED, "state": "cancelled", "finished_at": "2026-10-01T08:00:04Z"},
    errors=(backtests.BacktestUnknown, backtests.BacktestEnded),
)  # fmt: skip
@idempotent()
def cancel(session: Session, draft_id: UUID, backtest_id: UUID) -> Answer:
    """It stops within seconds and leaves no result."""
    now = clock.now()
    return Answer(_document(backtests.cancel(session, draft_id=draft_id, backtest_id=backtest_id, now=now)))
