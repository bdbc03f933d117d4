"""Members blocked, unblocked and closed over HTTP; each with a reason that is kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.errors import NotFound
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import bodies, edge, examples, membership, schemas
from loyalty_api.members.api_members import answered
from loyalty_api.members.edge import blueprint
from loyalty_api.members.rules import MemberClosed, Step


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/block",
    "block_member",
    summary="Block a member",
    body=bodies.BlockSchema(),
    answer=schemas.MemberSchema(),
    example={"reason": "misuse", "still_earns": False},
    answer_example={**examples.MEMBER, "status": "blocked"},
    errors=(NotFound, MemberClosed),
)
@idempotent()
def block_member(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """From now on the member earns and uses nothing; with `still_earns` points are earned but cannot be used.

    Purchases of a blocked member are still recorded: the sale has happened.
    """
    return _change(session, member_id, "restrict" if body["still_earns"] else "block", body)


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/unblock",
    "unblock_member",
    summary="Lift a member's block",
    body=bodies.UnblockSchema(),
    answer=schemas.MemberSchema(),
    example={"reason": "cleared"},
    answer_example=examples.MEMBER,
    errors=(NotFound, MemberClosed),
)
@idempotent()
def unblock_member(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """The member may earn and use points again."""
    return _change(session, member_id, "unblock", body)


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/close",
    "close_member",
    summary="Close a membership",
    body=bodies.CloseSchema(),
    answer=schemas.MemberSchema(),
    example={"reason": "member_request"},
    answer_example={**examples.MEMBER, "status": "closed"},
    errors=(NotFound, MemberClosed),
)
@idempotent()
def close_member(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """The membership ends for good. Its identifiers keep finding it, so that a till can say so."""
    return _change(session, member_id, "close", body)


def _change(session: Session, member_id: UUID, step: Step, body: dict[str, Any]) -> Answer:
    return answered(
        membership.change_status(
            session,
            vault=edge.vault(),
            member_id=member_id,
            step=step,
            reason=body["reason"],
            actor=edge.actor(),
            now=clock.now(),
        )
    )
