"""The second person, and the way back, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.fields import Moment, Schema, Text
from loyalty_api.http import Blueprint
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.program import service as programs
from loyalty_api.program.api import PUBLISHED_EXAMPLE, PublishBody, PublishedSchema, version_shown
from loyalty_api.publishing import gate
from loyalty_api.security import principal

blueprint = Blueprint(
    "gate",
    __name__,
    url_prefix="/v1",
    description="Approving a publication, and going back to an earlier one",
)


class ApproveBody(Schema):
    """What was looked at, for colleagues."""

    note = Text(longest=500, allow_none=True, load_default=None)


class ApprovalSchema(Schema):
    """Somebody agreed to exactly this document."""

    program_version_id = Text(required=True)
    fingerprint = Text(required=True)
    approved_by = Text(required=True)
    approved_at = Moment(required=True)
    note = Text(required=True, allow_none=True, longest=500)


APPROVAL: dict[str, Any] = {
    "program_version_id": "prv_01m80xfza0e4trdbsjq23m1646",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "approved_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "approved_at": "2026-10-01T08:30:00Z",
    "note": "Costs as much as we planned",
}


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/approve", "approve_program_version",
    summary="Agree to a publication", status=201, body=ApproveBody(), answer=ApprovalSchema(),
    example={"note": APPROVAL["note"]}, answer_example=APPROVAL,
    errors=(programs.VersionUnknown, programs.AlreadyPublished, gate.OwnDraft),
)  # fmt: skip
@idempotent(status=201)
def approve(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:
    """As a second person. It holds for the document as it is now: who edits it must ask again."""
    made = gate.approve(
        session, draft_id=draft_id, note=body["note"], by=principal().client_id, now=clock.now()
    )
    return Answer(
        {
            "program_version_id": ids.show("prv", made.draft_id),
            "fingerprint": made.fingerprint,
            "approved_by": made.approved_by,
            "approved_at": made.approved_at,
            "note": made.note,
        }
    )


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/restore", "restore_program_version",
    summary="Publish an earlier version again", status=201, body=PublishBody(), answer=PublishedSchema(),
    example={"effective_from": None}, answer_example={**PUBLISHED_EXAMPLE, "version": 13},
    errors=(programs.VersionUnknown, gate.NeverPublished, programs.TooSoon, programs.DocumentFaulty),
)  # fmt: skip
@idempotent(status=201)
def restore(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:
    """The way back at a bad hour: one call, in force in a minute, as a new version with the old document."""
    version = gate.restore(
        session, draft_id=draft_id, new_id=ids.new(), effective_from=body["effective_from"],
        check=current_app.extensions["check_document"], by=principal().client_id, now=clock.now(),
    )  # fmt: skip
    return Answer(version_shown(version))
