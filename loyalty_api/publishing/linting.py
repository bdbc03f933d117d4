"""Lint of a draft or a version as it stands in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.gifts import service as gifts
from loyalty_api.program import rules_document
from loyalty_api.program import service as programs
from loyalty_api.program.service import Version
from loyalty_api.publishing import queries_gate as queries
from loyalty_api.publishing.rules_lint import lint
from loyalty_api.publishing.rules_lint_types import Finding
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.stores import service as stores

_STORES = 1_000_000


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found in a document, which its fingerprint names."""

    program: Program
    fingerprint: str
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that keep it from being published."""
        return tuple([finding for finding in self.findings if finding.severity == "error"])


def lint_version(session: Session, *, draft_id: UUID, now: datetime) -> Linted:
    """Look at a draft or a version; members' points have the terms of the version in force.

    :raises VersionUnknown: there is no such draft.
    """
    return lint_document(session, programs.find_draft(session, draft_id=draft_id).document, now=now)


def lint_document(session: Session, document: dict[str, Any], *, now: datetime) -> Linted:
    """Look at a document without faults. Raises ``UnfitDocument``."""
    queries.think(driver(session))
    in_force = version_at(session, now)
    against = compile_program(orjson.loads(in_force.document), version=in_force.version) if in_force else None
    program = compile_program(document, version=0)
    missing = gifts.missing(driver(session), program.gifts, now=now)
    known = frozenset([store.store_id for store in stores.list_stores(session, limit=_STORES)])
    found = lint(program, now=now, against=against, missing=missing, stores=known)
    return Linted(program, rules_document.fingerprint(document), found)


def version_at(session: Session, moment: datetime) -> Version | None:
    """The version in force at a moment, read anew; None before the first."""
    begun = [version for version in programs.published(session) if version.effective_from <= moment]
    return max(begun, key=lambda version: (version.effective_from, version.version), default=None)
