"""Counters and budgets of periods that nothing can reach any more are forgotten; what counts for ever stays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from loyalty_api.facts import service as facts
from loyalty_api.program import service as programs
from loyalty_api.rating.rules_forgetting import Forgotten, forgotten
from loyalty_api.rating.rules_program import compile_program

_AT_ONCE = 5_000


def forget(
    unit_of_work: Callable[[], AbstractContextManager[Session]], *, now: datetime, ended: Callable[[], bool]
) -> int:
    """Forget counters of members, and limits of rules and promotions, of periods that are over for good.

    Which those are follows from the settings of all versions: ``rules_forgetting.forgotten`` says how. It goes in small
    transactions, waits for nobody, and may be killed anywhere: what was left is forgotten the next time. How many rows
    went.
    """
    with unit_of_work() as session:
        over = _forgotten(session, now)
        if over is not None:
            facts.note_forgotten(session, since=over.since, counters=over.counters, limits=over.limits)
    if over is None:
        return 0
    return sum([_walk(unit_of_work, *walk, ended) for walk in _WALKS])


def _forgotten(session: Session, now: datetime) -> Forgotten | None:
    ordered = sorted(programs.published(session), key=lambda one: (one.effective_from, one.version))
    versions = [
        (one.effective_from, compile_program(orjson.loads(one.document), version=one.version))
        for one in ordered
    ]
    return forgotten(versions, now)


_WALKS: tuple[tuple[Callable[..., tuple[int, Any]], Any], ...] = (
    (facts.forget_counters, facts.START),
    (facts.forget_limits, ""),
)


def _walk(
    unit_of_work: Callable[[], AbstractContextManager[Session]],
    forget_some: Callable[..., tuple[int, Any]],
    place: Any,
    ended: Callable[[], bool],
) -> int:
    done = 0
    while place is not None and not ended():
        with unit_of_work() as session:
            gone, place = forget_some(session, after=place, limit=_AT_ONCE)
        done += gone
    return done
