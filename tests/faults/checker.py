"""Holds what callers were told against what is in the database: the invariants I5 to I8, and the fold of all answers.

It is pure: a history and a truth come in, and every breach comes out with the shortest history that shows it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from tests.faults.history import Attempt, History, Kind, Operation, Race, Read

# What the rules may refuse while everything is as it should be.
ORDINARY = frozenset(
    {
        "insufficient_points", "reward_out_of_stock", "code_used", "hold_expired", "already_released", "expired",
        "budget_used_up", "coupon_used", "gifts_used_up",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that was done, as the database has it. ``version`` is the member's after it, if it moved points."""

    kind: Kind
    subject: str
    id: str
    member: str
    points: int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in the database in the end.

    ``totals`` has, of each member, all points (debt taken off) after each version that moved any, in order. ``broken``
    is what ``loyalty verify`` found.
    """

    effects: Sequence[Effect]
    totals: Mapping[str, Sequence[tuple[int, int]]]
    broken: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept, and the part of the history that shows it."""

    kind: Literal[
        "lost",
        "double",
        "stale",
        "overspent",
        "unbalanced",
        "refused",
        "server_error",
        "unavailable",
        "invariant",
    ]
    what: str
    history: tuple[str, ...] = ()


def check(history: History, truth: Truth) -> list[Breach]:
    """Every breach there is; none is what we promise."""
    return [
        *_effects(history, truth),
        *_answers(history),
        *_races(history),
        *_reads(history, truth),
        *_folds(history, truth),
        *(Breach("invariant", text) for text in truth.broken),
    ]


def _effects(history: History, truth: Truth) -> Iterator[Breach]:
    """I6 and I7: acknowledged is there once, refused is not there, unknown is there once or not at all."""
    asked: dict[tuple[Kind, str], list[Operation]] = defaultdict(list)
    there: dict[tuple[Kind, str], list[Effect]] = defaultdict(list)
    for operation in history.operations:
        asked[operation.kind, operation.subject].append(operation)
    for effect in truth.effects:
        there[effect.kind, effect.subject].append(effect)
    for name in asked.keys() | there.keys():
        yield from _one(asked.get(name, []), there.get(name, []))


def _one(operations: Sequence[Operation], effects: Sequence[Effect]) -> Iterator[Breach]:
    shown = (*_lines(operations), *map(_line_of_effect, effects))
    told = [operation for operation in operations if operation.acknowledged]
    unknown = [operation for operation in operations if not operation.acknowledged and not operation.refused]
    results = {result for operation in told for result in operation.results}
    if not operations:
        yield Breach("double", "an effect that nobody asked for", shown)
    elif len(effects) > 1 or len(told) > 1 or len(results) > 1:
        yield Breach("double", f"{len(effects)} effects, {len(told)} told, {len(results)} answers", shown)
    elif told and not effects:
        yield Breach("lost", "it was acknowledged and is not there", shown)
    elif effects and not told and not unknown:
        yield Breach("double", "it was refused and is there all the same", shown)
    elif told and (effects[0].id, effects[0].points) != next(iter(results)):
        yield Breach("lost", "what is there is not what was acknowledged", shown)
    elif any(operation.refused and operation.acknowledged for operation in operations):
        yield Breach("double", "it was acknowledged and refused", shown)


def _answers(history: History) -> Iterator[Breach]:
    """Refusals that no rule explains, mistakes of ours, and operations that were never answered."""
    for operation in history.operations:
        last = operation.attempts[-1] if operation.attempts else None
        if any(attempt.status == 500 for attempt in operation.attempts):
            yield Breach("server_error", "a mistake of ours", _lines([operation]))
        if any(_is_odd(attempt) for attempt in operation.attempts):
            yield Breach("refused", "a refusal that no rule explains", _lines([operation]))
        if last is not None and not operation.abandoned and not (operation.acknowledged or operation.refused):
            yield Breach("unavailable", "the service did not come back for it", _lines([operation]))


def _is_odd(attempt: Attempt) -> bool:
    return attempt.definite and attempt.result is None and attempt.code not in ORDINARY


def _races(history: History) -> Iterator[Breach]:
    """I5: of a race exactly so many win as there are points, pieces or uses."""
    for race in history.races:
        named = set(race.keys)
        raced = [o for o in history.operations if o.kind == race.kind and o.key in named]
        won = sum(operation.acknowledged for operation in raced)
        unknown = sum(not operation.acknowledged and not operation.refused for operation in raced)
        if won > race.wins or won + unknown < race.wins:
            yield _lost_race(race, raced, won)


def _lost_race(race: Race, raced: Sequence[Operation], won: int) -> Breach:
    winners = [operation for operation in raced if operation.acknowledged]
    return Breach("overspent", f"{race.name}: {won} won where {race.wins} could", _lines(winners or raced))


def _reads(history: History, truth: Truth) -> Iterator[Breach]:
    """I8: no read is older than a write or read that had returned before it began, and none shows another state."""
    by_member: dict[str, list[Read]] = defaultdict(list)
    for read in history.reads:
        by_member[read.member].append(read)
    known = _known(history, truth)
    for member, reads in by_member.items():
        seen = sorted([*known.get(member, []), *((r.returned, r.version, _line_of_read(r)) for r in reads)])
        moments = [moment for moment, _, _ in seen]
        newest = list(accumulate(seen, _newer))
        for read in reads:
            before = bisect_left(moments, read.invoked)
            if before and newest[before - 1][1] > read.version:
                lines = (newest[before - 1][2], _line_of_read(read))
                yield Breach("stale", f"{member} was at {newest[before - 1][1]} before", lines)
            expected = _total_at(truth.totals.get(member, ()), read.version)
            if read.total is not None and read.total != expected:
                yield Breach("stale", f"at that version there were {expected} points", (_line_of_read(read),))


def _newer(one: tuple[float, int, str], other: tuple[float, int, str]) -> tuple[float, int, str]:
    return other if other[1] > one[1] else one


def _known(history: History, truth: Truth) -> dict[str, list[tuple[float, int, str]]]:
    """By member, when which version was acknowledged."""
    versions = {(e.kind, e.subject): e.version for e in truth.effects if e.version is not None}
    known: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for operation in history.operations:
        version = versions.get((operation.kind, operation.subject))
        if version is not None and operation.acknowledged:
            line = f"{_lines([operation])[-1]}: version {version}"
            known[operation.member].append((operation.acknowledged_at, version, line))
    return known


def _total_at(totals: Sequence[tuple[int, int]], version: int) -> int:
    before = [total for at, total in totals if at <= version]
    return before[-1] if before else 0


def _folds(history: History, truth: Truth) -> Iterator[Breach]:
    """I3 from outside: a member has what everything that was done to them comes to."""
    folded: dict[str, int] = defaultdict(int)
    for effect in truth.effects:
        folded[effect.member] += effect.points
    for member in folded.keys() | truth.totals.keys():
        totals = truth.totals.get(member, ())
        there = totals[-1][1] if totals else 0
        if folded[member] != there:
            about = [operation for operation in history.operations if operation.member == member]
            yield Breach(
                "unbalanced", f"{member} has {there} points and was given {folded[member]}", _lines(about)
            )


def _lines(operations: Iterable[Operation]) -> tuple[str, ...]:
    found = [(attempt.invoked, _line(one, attempt)) for one in operations for attempt in one.attempts]
    return tuple([text for _, text in sorted(found)])


def _line(operation: Operation, attempt: Attempt) -> str:
    said = f"{attempt.result.id} {attempt.result.points:+}" if attempt.result else attempt.code or "no answer"
    return (
        f"{attempt.invoked:9.3f}–{attempt.returned:9.3f}  {attempt.client}  {operation.kind} {operation.subject}"
        f" of {operation.member} (key {operation.key}) -> {attempt.status or '-'} {said}"
    )


def _line_of_read(read: Read) -> str:
    return (
        f"{read.invoked:9.3f}–{read.returned:9.3f}  {read.client}  read {read.member}"
        f" -> version {read.version}, {'not modified' if read.total is None else f'{read.total} points'}"
    )


def _line_of_effect(effect: Effect) -> str:
    return (
        f"{'there is':>20}  {effect.kind} {effect.subject} {effect.id} {effect.points:+} of {effect.member}"
    )
