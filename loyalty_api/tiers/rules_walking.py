"""A member's level while its history is gone through once more, purchase by purchase. Pure.

It does what the books of the till do, with nothing to lock and nothing to write: time passes first, then progress is
noted, and what comes back counts less on the day of its purchase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from loyalty_api.rulekit.days import local_day
from loyalty_api.tiers.rules import NOTHING, Amounts, Days
from loyalty_api.tiers.rules_standing import (
    Change,
    Known,
    State,
    Timeline,
    begin,
    elapse,
    note,
    note_return,
)


@dataclass(frozen=True, slots=True)
class Stood:
    """How a member stood before a history begins: its state (None: without any yet) and its progress by day."""

    enrolled_at: datetime
    state: State | None = None
    days: Days = field(default_factory=dict)


class Walk:
    """One member's level through time; moments are handed in and never go back.

    ``changes`` are those of the level that is shown, as they were due.
    """

    __slots__ = ("_days", "_known", "changes", "state")

    def __init__(self, stood: Stood, timeline: Timeline, at: datetime) -> None:
        self._days: dict[date, Amounts] = dict(stood.days)
        self._known = Known(self._days, stood.enrolled_at, timeline)
        self.state = stood.state or begin(self._known, at)
        self.changes: list[Change] = []
        self.elapse(at)

    @property
    def level(self) -> str | None:
        """The level that is shown."""
        return self.state.shown

    @property
    def days(self) -> Mapping[date, Amounts]:
        """The progress that is noted so far, by day."""
        return self._days

    def counts(self, at: datetime) -> bool:
        """Whether the rules in force at a moment have levels; where they have none, nothing counts."""
        return self._known.policy(at) is not None

    def elapse(self, until: datetime) -> None:
        """What time alone does up to a moment: period ends, downgrades, assignments that end, new rules."""
        if until > self.state.as_of:
            self.state, made = elapse(self.state, self._known, until)
            self.changes += made

    def day_of(self, at: datetime) -> date:
        """The local day that something counts on."""
        policy = self._known.policy(at)
        return local_day(at, policy.zone if policy else UTC)

    def reached_with(self, amounts: Amounts, at: datetime) -> str | None:
        """The level that would be shown once this counted."""
        day = self.day_of(at)
        days = {**self._days, day: self._days.get(day, NOTHING) + amounts}
        known = Known(days, self._known.enrolled_at, self._known.timeline)
        return note(self.state, known, at)[0].shown

    def add(self, amounts: Amounts, at: datetime) -> None:
        """Count more on the day of a moment; a level that is reached by it holds at once."""
        day = self.day_of(at)
        self._days[day] = self._days.get(day, NOTHING) + amounts
        self.state, made = note(self.state, self._known, at)
        self.changes += made

    def take(self, amounts: Amounts, *, day: date, at: datetime) -> None:
        """Goods came back at a moment: count less on the day of their purchase (R53)."""
        before: Days = dict(self._days)
        self._days[day] = self._days.get(day, NOTHING) - amounts
        self.state = note_return(self.state, self._known, before, at)
