"""The gate before a publication, the second person who opens it, and the way back past it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Conflict, Fault
from loyalty_api.language import DEFAULT_LANGUAGE
from loyalty_api.program import rules_document
from loyalty_api.program import service as programs
from loyalty_api.program.service import Check, Draft, PublishGateFailed, Version
from loyalty_api.publishing import queries_gate as queries
from loyalty_api.publishing.backtests import newest_backtest
from loyalty_api.publishing.linting import lint_document
from loyalty_api.publishing.rules_gate import Asked, missing
from loyalty_api.publishing.rules_lint_words import sentence


class NeverPublished(Conflict):
    """Only what was published once can be published again just like that."""

    code, title = "never_published", "This is a draft that was never published"


class OwnDraft(Conflict):
    """Whoever drafted a version is not the second person to look at it."""

    code, title = "own_draft", "This is your own draft: somebody else must approve it"


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed to exactly this document."""

    draft_id: UUID
    fingerprint: str
    approved_by: str
    approved_at: datetime
    note: str | None


def gate(session: Session, draft: Draft, earlier: Sequence[Version], by: str, now: datetime) -> None:
    """Refuse to publish a draft for which something has not been done.

    :raises PublishGateFailed: ``errors`` points to each thing.
    """
    fingerprint = rules_document.fingerprint(draft.document)
    known = [version.fingerprint for version in earlier]
    if fingerprint in known:
        return
    in_force = programs.settings_in_force(session, now=now)
    tested = newest_backtest(session, draft_id=draft.draft_id, fingerprint=fingerprint)
    asked = Asked(
        fingerprint,
        draft.created_by,
        by,
        known,
        _lint_errors(session, draft, now),
        queries.has_purchases(driver(session)),
        tested.difference if tested else None,
        in_force.sections["publishing"]["second_person_above"] if in_force else None,
        queries.approved_by(driver(session), draft_id=draft.draft_id, fingerprint=fingerprint),
    )
    faults = missing(asked)
    if faults:
        raise PublishGateFailed(_told(faults), errors=faults)


def _lint_errors(session: Session, draft: Draft, now: datetime) -> list[str]:
    linted = lint_document(session, draft.document, now=now)
    program = linted.program
    return [
        sentence(finding, currency=program.settings.currency, names=program.names, language=DEFAULT_LANGUAGE)
        for finding in linted.errors
    ]


def _told(faults: Sequence[Fault]) -> str:
    return " ".join(dict.fromkeys([fault.message for fault in faults]))


def approve(session: Session, *, draft_id: UUID, note: str | None, by: str, now: datetime) -> Approval:
    """Agree that a draft, as it is now, is published.

    :raises VersionUnknown: there is no such draft.
    :raises AlreadyPublished: it is published already.
    :raises OwnDraft: whoever drafted it is not a second person.
    """
    draft = programs.find_draft(session, draft_id=draft_id, lock=True)
    if draft.published_version is not None:
        raise programs.AlreadyPublished
    if draft.created_by == by:
        raise OwnDraft
    fingerprint = rules_document.fingerprint(draft.document)
    at = queries.approve(
        driver(session), draft_id=draft_id, fingerprint=fingerprint, by=by, note=note, now=now
    )
    return Approval(draft_id, fingerprint, by, at, note)


def restore(
    session: Session,
    *,
    draft_id: UUID,
    new_id: UUID,
    effective_from: datetime | None,
    check: Check,
    by: str,
    now: datetime,
) -> Version:
    """Publish the document of an earlier version again. It was good enough once, so nothing else is asked.

    :raises NeverPublished: it is a draft.
    :raises TooSoon: as for every publication.
    """
    earlier = programs.find_draft(session, draft_id=draft_id)
    if earlier.published_version is None:
        raise NeverPublished
    note = f"Version {earlier.published_version} again"
    programs.add_draft(
        session, draft_id=new_id, document=earlier.document, note=note, check=check, by=by, now=now
    )
    return programs.publish(
        session, draft_id=new_id, effective_from=effective_from, check=check, by=by, now=now
    )
