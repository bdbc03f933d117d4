"""Who asks in which language, and what every explanation is put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.language import Catalogue
from loyalty_api.period_bonuses.rules import RULE as PERIODS
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import Step, rule_name
from loyalty_api.rulekit.days import local_day

Row = Mapping[str, Any]
_SOONEST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One explanation: the transaction it reads in, the versions of the program, and the reader's words.

    Nothing is asked of the program in force today: whoever tells of something names the version or the moment that it
    was decided by, so that the answer stays the same under later rules.
    """

    session: Session
    programs: Programs[Program]
    words: Catalogue

    @property
    def connection(self) -> Connection[TupleRow]:
        """The connection of the transaction."""
        return driver(self.session)

    def program(self, version: int | None, at: datetime) -> Program | None:
        """The version with this number; where none is known, the one in force at a moment."""
        found = self.programs.numbered(self.connection, version) if version else None
        return found or self.programs.at(self.connection, at)

    def zone(self, version: int | None, at: datetime) -> tzinfo:
        """In whose days it is told."""
        program = self.program(version, at)
        return program.settings.zone if program else ZoneInfo("UTC")

    def currency(self, version: int | None, at: datetime) -> str:
        """The program's currency then."""
        program = self.program(version, at)
        return program.settings.currency if program else "XXX"

    def rule(self, rule: str, version: int | None, at: datetime) -> str:
        """What a rule or a level was called in its own version."""
        if rule == PERIODS:
            return self.words.say("entry", "period")
        program = self.program(version, at)
        return rule_name(rule, names=program.names if program else {}, language=self.words.language)

    def step(self, label: str, value: str) -> Step:
        """One step; ``label`` is a key of the catalogue."""
        return Step(label=self.words.say("step", label), value=value)

    def points(self, label: str, points: int) -> list[Step]:
        """A step with points, none where there are none."""
        return [self.step(label, self.words.points(points))] if points else []

    def day(self, label: str, moment: datetime, *, version: int | None = None) -> Step:
        """A step with the local day of a moment."""
        return self.step(label, self.date(moment, version=version))

    def date(self, moment: datetime, *, version: int | None = None) -> str:
        """The local day of a moment, as the language writes it."""
        return self.words.day(local_day(moment, self.zone(version, moment)))

    def last_day(self, ends: datetime, *, version: int | None = None) -> Step:
        """The last day before a moment: points end as the next day begins."""
        day = local_day(ends - _SOONEST, self.zone(version, ends))
        return self.step("last_day", self.words.day(day))
