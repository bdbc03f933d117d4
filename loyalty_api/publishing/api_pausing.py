"""The stop button over HTTP."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.fields import Moment, Schema, Text
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.program.service import Programs
from loyalty_api.publishing import pausing
from loyalty_api.publishing.pausing import Pause
from loyalty_api.rating.rules_program import Program
from loyalty_api.security import principal

blueprint = Blueprint(
    "pauses", __name__, url_prefix="/v1", description="The stop button: benefits that are taken away at once"
)
_LONGEST = 80


class PauseBody(Schema):
    """Why, for those who come after."""

    reason = Text(required=True, longest=500)


class PauseSchema(Schema):
    """A pause of a rule, or of a level's benefit: who stopped it and who let it go on."""

    rule = Text(required=True, longest=_LONGEST)
    paused_at = Moment(required=True)
    paused_by = Text(required=True)
    reason = Text(required=True, longest=500)
    resumed_at = Moment(required=True, allow_none=True)
    resumed_by = Text(required=True, allow_none=True)
    resume_reason = Text(required=True, allow_none=True, longest=500)


EXAMPLE: dict[str, Any] = {
    "rule": "fresh_saturday",
    "paused_at": "2026-11-21T15:06:41Z",
    "paused_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "reason": "It gives ten times what it should",
    "resumed_at": None,
    "resumed_by": None,
    "resume_reason": None,
}
RESUMED = {
    **EXAMPLE,
    "resumed_at": "2026-11-23T08:00:00Z",
    "resumed_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "resume_reason": "Mended in version 13",
}


def _shown(found: Pause) -> dict[str, Any]:
    return {
        "rule": found.rule_id,
        "paused_at": found.paused_at,
        "paused_by": found.paused_by,
        "reason": found.reason,
        "resumed_at": found.resumed_at,
        "resumed_by": found.resumed_by,
        "resume_reason": found.resume_reason,
    }


def _programs() -> Programs[Program]:
    found: Programs[Program] = current_app.extensions["programs"]
    return found


@blueprint.operation(
    "POST", "/program/rules/<rule_id>/pause", "pause_rule", summary="Stop a rule at once",
    body=PauseBody(), answer=PauseSchema(), example={"reason": EXAMPLE["reason"]}, answer_example=EXAMPLE,
    errors=(pausing.RuleUnknown,),
)  # fmt: skip
@idempotent(status=200)
def pause(session: Session, rule_id: str, body: dict[str, Any]) -> Answer:
    """Every process knows of it within five seconds. A level's benefit is named `tier:` and the level's id.

    What it outdid in its group does not come back, and what was quoted before is honoured. A rule that is paused
    already stays so, and its pause is the answer.
    """
    made = pausing.pause(
        session,
        _programs(),
        rule_id=rule_id,
        reason=body["reason"],
        by=principal().client_id,
        now=clock.now(),
    )
    return Answer(_shown(made))


@blueprint.operation(
    "POST", "/program/rules/<rule_id>/resume", "resume_rule", summary="Let a paused rule go on",
    body=PauseBody(), answer=PauseSchema(), example={"reason": RESUMED["resume_reason"]}, answer_example=RESUMED,
    errors=(pausing.RuleUnknown, pausing.NotPaused),
)  # fmt: skip
@idempotent(status=200)
def resume(session: Session, rule_id: str, body: dict[str, Any]) -> Answer:
    """A sale that happened while it was paused is rated without it, however late its receipt comes."""
    made = pausing.resume(
        session,
        _programs(),
        rule_id=rule_id,
        reason=body["reason"],
        by=principal().client_id,
        now=clock.now(),
    )
    return Answer(_shown(made))


@blueprint.operation(
    "GET", "/program/pauses", "list_pauses", summary="Pauses, the newest first",
    query=PageQuery(), answer=page_of(PauseSchema(), "PausePage"),
    answer_example={"data": [RESUMED], "next_cursor": None},
)  # fmt: skip
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """Those that last and those that are over."""
    after = read_cursor(query["cursor"], int)
    with unit_of_work() as session:
        found = pausing.list_pauses(session, before=after[0] if after else None, limit=query["limit"] + 1)
    shown = page(found, limit=query["limit"], key=lambda pause: [pause.number])
    return {**shown, "data": [_shown(pause) for pause in shown["data"]]}
