"""The stop button: a benefit is taken away now, without gate or second person, and every time it is noted who and why.

A pause is about a rule's id, whatever version it stands in, and can only take away (``earning.rules``). It covers what
happens from now on: sales of before, and baskets that were quoted before, keep what they had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.program.service import Programs
from loyalty_api.publishing import queries_pausing as queries
from loyalty_api.rating.rules_program import Program


class RuleUnknown(NotFound):
    """No published version has a rule or a level of this name."""

    code, title = "rule_unknown", "No version of the program has such a rule"


class NotPaused(NotFound):
    """The rule was never paused, so there is nothing to let go on."""

    code, title = "rule_not_paused", "This rule is not paused"


@dataclass(frozen=True, slots=True)
class Pause:
    """Who stopped a rule, when and why; and the same of its end, None while it lasts."""

    number: int
    rule_id: str
    paused_at: datetime
    paused_by: str
    reason: str
    resumed_at: datetime | None
    resumed_by: str | None
    resume_reason: str | None


def pause(
    session: Session, programs: Programs[Program], *, rule_id: str, reason: str, by: str, now: datetime
) -> Pause:
    """Stop a rule or a level's benefit. What is paused already stays as it is: its first pause is given.

    :raises RuleUnknown: no published version has it.
    """
    connection = driver(session)
    _ensure_known(connection, programs, rule_id)
    queries.hold_pausing(connection)
    row = queries.pause_of(connection, rule_id)
    return Pause(*(row or queries.pause(connection, rule_id=rule_id, by=by, reason=reason, now=now)))


def resume(
    session: Session, programs: Programs[Program], *, rule_id: str, reason: str, by: str, now: datetime
) -> Pause:
    """Let a rule go on. It stays paused for what happened meanwhile.

    :raises RuleUnknown: no published version has it.
    :raises NotPaused: it is not paused.
    """
    connection = driver(session)
    _ensure_known(connection, programs, rule_id)
    queries.hold_pausing(connection)
    found = queries.pause_of(connection, rule_id)
    if found is None:
        raise NotPaused
    held = Pause(*found)
    # Of two that were sent at once, the one that waited for the other began earlier.
    end = max(now, held.paused_at)
    return Pause(*queries.resume(connection, number=held.number, by=by, reason=reason, now=end))


def list_pauses(session: Session, *, before: int | None, limit: int) -> list[Pause]:
    """Pauses, those that last and those that are over, the newest first."""
    return [Pause(*row) for row in queries.pauses(driver(session), before=before, limit=limit)]


def _ensure_known(connection: Connection[TupleRow], programs: Programs[Program], rule_id: str) -> None:
    # A version that was published a moment ago may be stopped before this process would have read it by itself.
    programs.refresh(connection, within=0)
    for version in reversed(programs.published(connection)):
        program = programs.numbered(connection, version.version)
        if program is not None and rule_id in program.pausable:
            return
    raise RuleUnknown
