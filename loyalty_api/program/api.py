"""Program versions over HTTP: drafts that people edit, and publication."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import Forbidden, NotFound
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, require_match, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.program import service
from loyalty_api.program.service import Draft, Programs, Version
from loyalty_api.security import principal

blueprint = Blueprint(
    "program",
    __name__,
    url_prefix="/v1",
    description="The program's rules: immutable, effective-dated versions, and the drafts they come from.",
)
IF_MATCH = {"If-Match": "the ETag of the draft as you read it"}


class NoProgram(NotFound):
    """No version is in force yet."""

    code, title = "no_program", "No program version is in force yet"


class TermsNotYours(Forbidden):
    """The terms of chances tied to buying are published by somebody with the scope ``gifts:terms`` (R57)."""

    code, title = "gift_terms_not_yours", "You may not publish these terms of chances"


class DraftBody(Schema):
    """A program document; its settings are described in the documentation of the program."""

    document = ma.fields.Dict(required=True, metadata={"description": "the whole program as one document"})
    note = Text(
        longest=500, allow_none=True, load_default=None, metadata={"description": "why, for colleagues"}
    )


class PublishBody(Schema):
    """When the draft takes effect."""

    effective_from = Moment(
        allow_none=True,
        load_default=None,
        metadata={"description": "at least a minute ahead; left out: as soon as may be"},
    )


class VersionSchema(Schema):
    """A draft, or the version it became."""

    program_version_id = Text(required=True)
    status = Choice("draft", "published", required=True)
    version = Whole(required=True, allow_none=True)
    note = Text(required=True, allow_none=True, longest=500)
    revision = Whole(required=True)
    document = ma.fields.Dict(required=True)
    created_by = Text(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class PublishedSchema(Schema):
    """A published version: immutable, with the hash of its canonical document."""

    version = Whole(required=True)
    program_version_id = Text(required=True)
    fingerprint = Text(required=True, metadata={"description": "SHA-256 of the canonical document"})
    effective_from = Moment(required=True)
    published_at = Moment(required=True)
    published_by = Text(required=True)
    document = ma.fields.Dict(required=True)


DOCUMENT = {
    "currency": "NOK",
    "time_zone": "Europe/Oslo",
    "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
}
DRAFT_EXAMPLE = {
    "program_version_id": "prv_01m80xfza0e4trdbsjq23m1646",
    "status": "draft",
    "version": None,
    "note": "Double points on produce in November",
    "revision": 1,
    "document": DOCUMENT,
    "created_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "created_at": "2026-10-01T08:00:00Z",
    "updated_at": "2026-10-01T08:00:00Z",
}
PUBLISHED_EXAMPLE = {
    "version": 12,
    "program_version_id": "prv_01m80xfza0e4trdbsjq23m1646",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "effective_from": "2026-11-01T00:00:00Z",
    "published_at": "2026-10-01T09:00:00Z",
    "published_by": "cli_01m80xfza0e4trdbsjq23m1646",
    "document": DOCUMENT,
}


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "program_version_id": ids.show("prv", draft.draft_id),
        "status": "draft" if draft.published_version is None else "published",
        "version": draft.published_version,
        "note": draft.note,
        "revision": draft.revision,
        "document": draft.document,
        "created_by": draft.created_by,
        "created_at": draft.created_at,
        "updated_at": draft.updated_at,
    }


def version_shown(version: Version) -> dict[str, Any]:
    """A version as every answer shows it."""
    return {
        "version": version.version,
        "program_version_id": ids.show("prv", version.draft_id),
        "fingerprint": version.fingerprint,
        "effective_from": version.effective_from,
        "published_at": version.published_at,
        "published_by": version.published_by,
        "document": orjson.loads(version.document),
    }


def _etag(draft: Draft) -> dict[str, str]:
    return {"ETag": f'"{draft.revision}"'}


def _check() -> service.Check:
    found: service.Check = current_app.extensions["check_document"]
    return found


@blueprint.operation(
    "POST", "/program/versions", "create_program_version", summary="Draft a new version of the program",
    status=201, body=DraftBody(), answer=VersionSchema(),
    example={"document": DOCUMENT, "note": "Double points on produce in November"},
    answer_example=DRAFT_EXAMPLE, errors=(service.DocumentFaulty,),
)  # fmt: skip
@idempotent(status=201)
def create(session: Session, body: dict[str, Any]) -> Answer:
    """Nothing takes effect until the draft is published."""
    draft = service.add_draft(
        session, draft_id=ids.new(), document=body["document"], note=body["note"], check=_check(),
        by=principal().client_id, now=clock.now(),
    )  # fmt: skip
    return Answer(_draft(draft), headers=_etag(draft))


@blueprint.operation(
    "PUT", "/program/versions/<prv:draft_id>", "edit_program_version", summary="Replace a draft's document",
    body=DraftBody(), answer=VersionSchema(),
    example={"document": DOCUMENT, "note": "Double points on produce in November"},
    answer_example=DRAFT_EXAMPLE, headers=IF_MATCH,
    errors=(service.VersionUnknown, service.DocumentFaulty, service.AlreadyPublished),
)  # fmt: skip
@idempotent(required=False)
def edit(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:
    """A published version is immutable: make a new draft of it instead."""
    found = service.find_draft(session, draft_id=draft_id, lock=True)
    require_match(str(found.revision))
    draft = service.change_draft(
        session,
        draft_id=draft_id,
        document=body["document"],
        note=body["note"],
        check=_check(),
        now=clock.now(),
    )
    return Answer(_draft(draft), headers=_etag(draft))


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/publish", "publish_program_version",
    summary="Publish a draft", status=201, body=PublishBody(), answer=PublishedSchema(),
    example={"effective_from": "2026-11-01T00:00:00+01:00"}, answer_example=PUBLISHED_EXAMPLE,
    errors=(
        service.VersionUnknown, service.AlreadyPublished, service.TooSoon, service.DocumentFaulty,
        service.PublishGateFailed, TermsNotYours,
    ),
)  # fmt: skip
@idempotent(status=201)
def publish(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:
    """From then on it cannot change. Only the very first version may start in the past.

    A lint must find no errors in it; once there are purchases, a back-test must have been run of it; and where that
    shows a large difference, a second person must have approved it. A document that was published before needs none
    of this. What is missing is in `errors`. Terms of chances (`gifts.terms`) that were never published before take the
    scope `gifts:terms` besides.
    """
    _ensure_terms(session, draft_id)
    version = service.publish(
        session, draft_id=draft_id, effective_from=body["effective_from"], check=_check(),
        by=principal().client_id, now=clock.now(), gate=current_app.extensions["publish_gate"],
    )  # fmt: skip
    return Answer(version_shown(version))


def _ensure_terms(session: Session, draft_id: UUID) -> None:
    """New terms of chances are a matter of the person who answers for them, whoever drafts the program.

    :raises TermsNotYours: the draft has terms that were never published, and the caller may not publish terms.
    """
    terms = _terms(service.find_draft(session, draft_id=draft_id).document)
    if terms is None or "gifts:terms" in principal().scopes:
        return
    if all(_terms(orjson.loads(version.document)) != terms for version in service.published(session)):
        raise TermsNotYours("Ask somebody with the scope gifts:terms to publish this draft.")


def _terms(document: dict[str, Any]) -> Any:
    return (document.get("gifts") or {}).get("terms")


@blueprint.operation(
    "GET", "/program/versions", "list_program_versions", summary="Drafts and versions, the newest first",
    query=PageQuery(), answer=page_of(VersionSchema(), "ProgramVersionPage"),
    answer_example={"data": [DRAFT_EXAMPLE], "next_cursor": None},
)  # fmt: skip
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """Each with its whole document."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        drafts = service.list_drafts(session, before=after[0] if after else None, limit=query["limit"] + 1)
    found = page(drafts, limit=query["limit"], key=lambda draft: [draft.draft_id])
    return {**found, "data": [_draft(draft) for draft in found["data"]]}


@blueprint.operation(
    "GET", "/program/versions/<prv:draft_id>", "get_program_version", summary="One draft or version",
    answer=VersionSchema(), answer_example=DRAFT_EXAMPLE, errors=(service.VersionUnknown,),
)  # fmt: skip
def get(draft_id: UUID) -> tuple[dict[str, Any], dict[str, str]]:
    """With the ETag that an edit needs."""
    with unit_of_work() as session:
        draft = service.find_draft(session, draft_id=draft_id)
    return _draft(draft), _etag(draft)


@blueprint.operation(
    "GET", "/program", "get_program", summary="The version in force now",
    answer=PublishedSchema(), answer_example=PUBLISHED_EXAMPLE, errors=(NoProgram,),
)  # fmt: skip
def current() -> dict[str, Any]:
    """The rules that a sale is rated by if it happens now."""
    programs: Programs[Any] = current_app.extensions["programs"]
    with unit_of_work() as session:
        version = programs.in_force(driver(session), clock.now())
    if version is None:
        raise NoProgram
    return version_shown(version)
