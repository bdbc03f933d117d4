"""Program versions: drafts, publication, and which version is in force at a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import Database, driver
from loyalty_api.errors import Conflict, Fault, Invalid, NotFound
from loyalty_api.program import queries, rules_document
from loyalty_api.program.known import Known
from loyalty_api.program.rules import Settings, settings
from loyalty_api.program.rules_pauses import NONE, Numbers, Pauses, Span

Compiled = TypeVar("Compiled")
Check = Callable[[Any], tuple[Fault, ...]]

# A version comes into force no sooner than every process must have read it again.
NOTICE = timedelta(seconds=60)
# Every process knows of a pause within five seconds; the rest is for the reading.
_REREAD_SECONDS = 4.0


class VersionUnknown(NotFound):
    """There is no program version or draft with this id."""

    code, title = "program_version_unknown", "There is no such program version"


class DocumentFaulty(Invalid):
    """The program document has faults; ``errors`` points to each of them."""

    code, title = "program_document_faulty", "The program document has faults"


class AlreadyPublished(Conflict):
    """A published version is immutable: make a new draft instead."""

    code, title = "already_published", "This version is published and cannot change"


class TooSoon(Conflict):
    """A version takes effect at least a minute ahead; only the very first may start at any time."""

    code, title = "effective_from_too_soon", "It would take effect before every till could know it"


class PublishGateFailed(Conflict):
    """What must be done before a publication is not all done; ``errors`` points to each thing that is missing."""

    code, title = "publish_gate_failed", "This draft is not ready to be published"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as people edit it. ``published_version`` is set once it became a version."""

    draft_id: UUID
    document: dict[str, Any]
    note: str | None
    revision: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    published_version: int | None


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: an immutable document, in force from ``effective_from`` until a later one is."""

    version: int
    draft_id: UUID
    document: str
    fingerprint: str
    effective_from: datetime
    published_at: datetime
    published_by: str


Gate = Callable[[Session, Draft, Sequence[Version], str, datetime], None]
"""Refuses to publish a draft after these versions, by this client, now: raises ``PublishGateFailed``."""


def add_draft(
    session: Session, *, draft_id: UUID, document: Any, note: str | None, check: Check, by: str, now: datetime
) -> Draft:
    """Store a draft. ``check`` gives every fault of a document.

    :raises DocumentFaulty: the document has faults.
    """
    _refuse_faults(check(document))
    queries.add_draft(driver(session), draft_id=draft_id, document=document, note=note, by=by, now=now)
    return find_draft(session, draft_id=draft_id)


def change_draft(
    session: Session, *, draft_id: UUID, document: Any, note: str | None, check: Check, now: datetime
) -> Draft:
    """Replace a draft's document.

    :raises AlreadyPublished: it became a version meanwhile.
    :raises DocumentFaulty: the new document has faults.
    """
    if find_draft(session, draft_id=draft_id, lock=True).published_version is not None:
        raise AlreadyPublished
    _refuse_faults(check(document))
    queries.change_draft(driver(session), draft_id=draft_id, document=document, note=note, now=now)
    return find_draft(session, draft_id=draft_id)


def find_draft(session: Session, *, draft_id: UUID, lock: bool = False) -> Draft:
    """One draft.

    :raises VersionUnknown: there is none.
    """
    row = queries.draft(driver(session), draft_id, lock=lock)
    if row is None:
        raise VersionUnknown
    return Draft(*row)


def list_drafts(session: Session, *, before: UUID | None, limit: int) -> list[Draft]:
    """Drafts, the newest first, that are older than ``before``."""
    return [Draft(*row) for row in queries.drafts(driver(session), before=before, limit=limit)]


def publish(
    session: Session,
    *,
    draft_id: UUID,
    effective_from: datetime | None,
    check: Check,
    by: str,
    now: datetime,
    gate: Gate | None = None,
) -> Version:
    """Make a draft a version that is in force from ``effective_from`` (None: as soon as it may be).

    ``gate`` looks at what else must have been done before; without one nothing is, as for a demo or a test.

    :raises AlreadyPublished: it is one already.
    :raises TooSoon: it lies less than a minute ahead and is not the very first version.
    :raises PublishGateFailed: by the gate.
    """
    connection = driver(session)
    queries.hold_publishing(connection)
    draft = find_draft(session, draft_id=draft_id, lock=True)
    if draft.published_version is not None:
        raise AlreadyPublished
    _refuse_faults(check(draft.document))
    earlier = published(session)
    starts = effective_from or (now + NOTICE if earlier else now)
    if earlier and starts < now + NOTICE:
        raise TooSoon(f"The earliest moment is {(now + NOTICE).isoformat(timespec='seconds')}.")
    if gate is not None:
        gate(session, draft, earlier, by, now)
    canonical = rules_document.canonical(draft.document).decode()
    mark = rules_document.fingerprint(draft.document)
    made = Version(len(earlier) + 1, draft_id, canonical, mark, starts, now, by)
    queries.publish(connection, made)
    return made


def published(session: Session) -> list[Version]:
    """Every version, read anew, in the order of their numbers."""
    return [Version(*row) for row in queries.versions(driver(session))]


def settings_in_force(session: Session, *, now: datetime) -> Settings | None:
    """The settings of the version in force at ``now``, read anew; None before the first version."""
    document = queries.document_in_force(driver(session), now)
    return settings(orjson.loads(document)) if document else None


def settings_through_time(session: Session) -> list[tuple[int, datetime, Settings]]:
    """The number, beginning and settings of every version, read anew, in the order in which they are in force."""
    ordered = sorted(published(session), key=lambda version: (version.effective_from, version.version))
    return [(v.version, v.effective_from, settings(orjson.loads(v.document))) for v in ordered]


def _refuse_faults(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise DocumentFaulty(f"{len(faults)} fault{'s' * (len(faults) > 1)}; see errors.", errors=faults)


class Programs(Generic[Compiled]):
    """The published versions, each compiled once in this process.

    Versions never change and take effect at least a minute after publication, so a process that reads the new
    ones every few seconds always knows the version in force. ``compile`` turns a document and its number into
    what the rules use; it is handed in, because the rules live above. Threads share one: what is known is replaced
    as a whole, by one thread at a time.

    Pauses are read with the versions. Whoever asks for the rules of a moment gets them without those that were paused
    then; ``without`` makes them so.
    """

    def __init__(
        self,
        compile: Callable[[dict[str, Any], int], Compiled],
        *,
        without: Callable[[Compiled, frozenset[str]], Compiled] | None = None,
    ) -> None:
        self._compile = compile
        self._without = without
        self._known: Known[Compiled] = Known()
        self._reading = Lock()
        self._read_at = float("-inf")

    def refresh(self, connection: Connection[TupleRow], *, within: float = _REREAD_SECONDS) -> None:
        """Read pauses and the versions that were published since, when the last look is not ``within`` so many seconds.

        While another thread reads them, what is known goes on to hold; who knows nothing yet waits.
        """
        if self._fresh(within) or not self._reading.acquire(blocking=not (within and self._known.versions)):
            return
        try:
            if not self._fresh(within):
                began = time.monotonic()
                self._known = self._with_new(connection)
                self._read_at = began
        finally:
            self._reading.release()

    def _with_new(self, connection: Connection[TupleRow]) -> Known[Compiled]:
        known = self._known
        pauses = Pauses(tuple([Span(*row) for row in queries.pauses_through_time(connection)]))
        fresh = [Version(*row) for row in queries.versions(connection, above=len(known.versions))]
        if not fresh:
            return known if pauses == known.pauses else replace(known, pauses=pauses, variants={})
        made = {v.version: self._compile(orjson.loads(v.document), v.version) for v in fresh}
        versions = (*known.versions, *fresh)
        order = sorted((version.effective_from, version.version) for version in versions)
        return Known(versions, {**known.compiled, **made}, tuple(order), pauses, self._without)

    def at(self, connection: Connection[TupleRow], moment: datetime) -> Compiled | None:
        """The rules in force at ``moment``, without what was paused then, or None before the first version."""
        return self.at_with_pauses(connection, moment)[0]

    def at_with_pauses(
        self, connection: Connection[TupleRow], moment: datetime
    ) -> tuple[Compiled | None, Numbers]:
        """The same, and the numbers of the pauses, which a quote carries as part of its promise."""
        self.refresh(connection)
        known = self._known
        pauses = known.pauses.at(moment)
        return known.ready(known.at(moment), pauses), pauses

    def in_force(self, connection: Connection[TupleRow], moment: datetime) -> Version | None:
        """The version in force at ``moment``, or None before the first."""
        self.refresh(connection)
        known = self._known
        number = known.at(moment)
        return known.versions[number - 1] if number else None

    def numbered(
        self,
        connection: Connection[TupleRow],
        version: int,
        *,
        at: datetime | None = None,
        pauses: Numbers | None = None,
    ) -> Compiled | None:
        """The rules of the version with this number, or None when it was never published.

        To rate by them, say at which moment, or with which pauses; to look something up in them, neither.
        """
        self.refresh(connection)
        known = self._known
        if pauses is None:
            pauses = known.pauses.at(at) if at else NONE
        return known.ready(version, pauses)

    def published(self, connection: Connection[TupleRow]) -> Sequence[Version]:
        """Every version, in the order of their numbers."""
        self.refresh(connection)
        return self._known.versions

    def current(self, database: Database, now: datetime) -> tuple[int, Compiled | None]:
        """The number and the rules of the version in force, without a connection while what is known is fresh."""
        if not self._fresh():
            with database.unit_of_work() as session:
                self.refresh(driver(session))
        known = self._known
        number = known.at(now)
        return number, known.ready(number, known.pauses.at(now))

    def _fresh(self, within: float = _REREAD_SECONDS) -> bool:
        return bool(self._known.versions) and time.monotonic() - self._read_at < within
