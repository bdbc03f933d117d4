"""The sandbox's clock over HTTP, for integrators who want to watch points become available and expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import marshmallow as ma
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.fields import Flag, Moment, Schema, Whole
from loyalty_api.http import Blueprint, database
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.sandbox import service

blueprint = Blueprint(
    "sandbox", __name__, url_prefix="/v1/sandbox", description="Business time by hand, in a sandbox only."
)
# A request ends within ten seconds; what the jobs do not manage in these is told and done later.
_JOB_SECONDS = 5.0
_MOST = 36_500


class SpanSchema(Schema):
    """How far to go: the sum of what is given."""

    days = Whole(least=0, most=_MOST, load_default=0)
    hours = Whole(least=0, most=_MOST, load_default=0)
    minutes = Whole(least=0, most=_MOST, load_default=0)
    seconds = Whole(least=0, most=_MOST, load_default=0)


class MoveBody(Schema):
    """Either the moment to go to, or how far to go on."""

    now = Moment()
    advance = ma.fields.Nested(SpanSchema())

    @ma.validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ma.ValidationError("Send now or advance, one of them.")


class ClockSchema(Schema):
    """What the sandbox's clock shows."""

    now = Moment(required=True)


class RunSchema(Schema):
    """What the jobs did on the way: lots, holds and announcements. ``complete`` is false when more is due."""

    activated = Whole(required=True)
    expired = Whole(required=True)
    released = Whole(required=True)
    announced = Whole(required=True)
    levels = Whole(required=True)
    complete = Flag(required=True)


class MovedSchema(ClockSchema):
    """What it shows now, and what became due on the way."""

    jobs = ma.fields.Nested(RunSchema(), required=True)


def _ensure_sandbox() -> None:
    service.ensure_sandbox(current_app.extensions["settings"])


@blueprint.operation(
    "GET", "/clock", "get_sandbox_clock", summary="What time it is in the sandbox", answer=ClockSchema(),
    answer_example={"now": "2026-11-21T12:00:00Z"}, errors=(service.SandboxOnly,),
)  # fmt: skip
def show() -> dict[str, datetime]:
    """Business time. It is the machine's until it is first set, and stands still from then on."""
    _ensure_sandbox()
    return {"now": clock.now()}


@blueprint.operation(
    "POST", "/clock", "move_sandbox_clock", summary="Move the sandbox's time forward", body=MoveBody(),
    answer=MovedSchema(), example={"advance": {"days": 3}},
    answer_example={
        "now": "2026-11-24T12:00:00Z",
        "jobs": {"activated": 2, "expired": 1, "released": 0, "announced": 1, "levels": 0, "complete": True},
    },
    errors=(service.SandboxOnly, service.ClockBackwards),
)  # fmt: skip
@idempotent()
def move(session: Session, body: dict[str, Any]) -> Answer:
    """What becomes due until then (activations, expiries, holds that run out, announcements) is done before the answer.

    When that is too much for one request, ``complete`` is false: a worker does the rest, or the next call, which
    may advance by nothing. Before anything has happened the clock may be set to any moment, also a past one.
    """
    _ensure_sandbox()
    to = body["now"].astimezone(UTC) if "now" in body else None
    moment, done = service.move(
        session, database(), to=to, by=timedelta(**body.get("advance", {})), machine=clock.machine_now(),
        seconds=_JOB_SECONDS, vault=current_app.extensions["vault"],
    )  # fmt: skip
    jobs = {
        name: getattr(done, name)
        for name in ("activated", "expired", "released", "announced", "levels", "complete")
    }
    return Answer({"now": moment, "jobs": jobs})
