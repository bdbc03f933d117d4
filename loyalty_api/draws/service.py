"""Draws of a purchase: the chances that a member has on a day, and the draws that were made of them.

A process opens each committed day once. What is read of members comes with the round trip that locks them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.draws import queries, queries_reports, rules, rules_pacing
from loyalty_api.draws.queries import DRAWS, OPEN_DAYS, READ
from loyalty_api.draws.rules import Record, Wanted
from loyalty_api.draws.rules_pacing import Traffic
from loyalty_api.rows import Rows, Table
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Chance, Facts
from loyalty_api.vault import Vault

__all__ = ["DRAWS", "Also", "Day", "DrawBook", "Draws", "Wanted"]

Also = tuple[str, Sequence[str]]
_REMEMBERED = 400


@dataclass(frozen=True, slots=True)
class Day:
    """A committed day as this process draws by it, with the traffic that is expected by gift."""

    record: Record
    committed_at: datetime
    traffic: Mapping[str, Traffic]


class Draws:
    """The committed days that this process has opened. What is committed never changes, so nothing grows old."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._days: dict[date, Day | None] = {}

    def day(self, connection: Connection[TupleRow], day: date, *, today: date) -> Day | None:
        """A committed day; None when there is none, which is remembered once the day has begun."""
        if day in self._days:
            return self._days[day]
        row = queries.find(connection, day)
        found = None if row is None else self._opened(connection, row)
        if found is not None or day <= today:
            if len(self._days) >= _REMEMBERED:
                self._days.clear()
            self._days[day] = found
        return found

    def _opened(self, connection: Connection[TupleRow], row: queries.DayRow) -> Day:
        record = open_record(self._vault, row)
        plans = queries_reports.plans(connection, record.tables)
        traffic = {gift: Traffic(_hours(hours)) for gift, hours in plans.items()}
        return Day(record, row.committed_at, traffic)

    def reading(
        self,
        connection: Connection[TupleRow],
        asked: Iterable[tuple[datetime, ZoneInfo, Sequence[str]]],
        *,
        now: datetime,
    ) -> tuple[list[Also], dict[date, Day]]:
        """What to read with the members for purchases at these moments that may bring these gifts, and the days.

        Nothing where no gift hangs on a draw, or none can be made any more.
        """
        days: dict[date, Day] = {}
        gifts: set[str] = set()
        for at, zone, wanted in asked:
            if not wanted:
                continue
            local = local_day(at, zone)
            day = self.day(connection, local, today=local_day(now, zone))
            if day is not None and now < day.record.reveals_at:
                days[local] = day
                gifts.update(gift for gift in wanted if gift in day.record.tables)
        if not gifts:
            return [], {}
        when = _array(day.isoformat() for day in sorted(days))
        return [(OPEN_DAYS, [when]), (READ, [when, _array(sorted(gifts))])], days


@dataclass(slots=True)
class DrawBook:
    """The draws of one transaction: what its members had drawn before, and what they draw now."""

    days: Mapping[date, Day] = field(default_factory=dict)
    _tokens: dict[UUID, bytes] = field(default_factory=dict)
    _open: set[date] = field(default_factory=set)
    _drawn: set[tuple[UUID, str, date]] = field(default_factory=set)
    _dry: dict[tuple[UUID, str], int] = field(default_factory=lambda: defaultdict(int))
    _rows: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def of(cls, days: Mapping[date, Day], rows: Iterable[TupleRow]) -> DrawBook:
        """What ``READ`` has brought for these days."""
        book = cls(days)
        for member_id, token, gift, drawn, dry, still_open in rows:
            book._tokens[member_id] = bytes(token)
            book._drawn.update((member_id, gift, day) for day in drawn or ())
            book._dry[member_id, gift] = dry
            book._open.update(still_open or ())
        return book

    def chances(
        self,
        *,
        member_id: UUID,
        enrolled_at: datetime,
        at: datetime,
        zone: ZoneInfo,
        wanted: Iterable[Wanted],
        limits: Mapping[str, int],
    ) -> dict[str, Chance]:
        """The tickets that the member has at this moment, by gift; each is drawn once a day, whatever is bought."""
        local = local_day(at, zone)
        day, token = self.days.get(local), self._tokens.get(member_id)
        if day is None or token is None or local not in self._open:
            return {}
        if not rules.may_draw(enrolled_at=enrolled_at, committed_at=day.committed_at):
            return {}
        found = {}
        for one in wanted:
            table = day.record.tables.get(one.gift)
            if table and (member_id, one.gift, local) not in self._drawn:
                row = self._row(one, table, day, self._dry[member_id, one.gift], at, zone, limits)
                mark = rules.mark(token=token, gift=one.gift, day=local)
                ticket = rules.ticket(seed=day.record.seed, mark=mark)
                found[one.gift] = Chance(ticket, table[row], row)
        return found

    def _row(
        self,
        one: Wanted,
        table: Sequence[int],
        day: Day,
        dry: int,
        at: datetime,
        zone: ZoneInfo,
        limits: Mapping[str, int],
    ) -> int:
        """The row of the table: the guarantee's, or what the budget affords, or the base odds."""
        if rules.guaranteed(table, after=one.guarantee_after, dry=dry):
            return len(table) - 1
        traffic = day.traffic.get(one.gift)
        if one.limit is not None and one.last is not None and one.cost and traffic is not None:
            left = traffic.left(at, one.last, zone)
            remaining = limits.get(one.limit, 0)
            return rules_pacing.pacing(
                remaining=remaining, cost=one.cost, expected_left=left, rows=rules.lucky_rows(table)
            )
        return rules.base_row(table, one.base)

    def draw(
        self,
        *,
        member_id: UUID,
        purchase_id: UUID,
        facts: Facts,
        decision: Decision,
        zone: ZoneInfo,
        now: datetime,
    ) -> None:
        """Note the draws that a decision was made with, won or not: they are made, whatever becomes of the purchase."""
        local = local_day(decision.at, zone)
        for claim in decision.claims:
            if claim.kind != "draw":
                continue
            chance = facts.chances[claim.key]
            mark = rules.mark(token=self._tokens[member_id], gift=claim.key, day=local)
            self._drawn.add((member_id, claim.key, local))
            self._dry[member_id, claim.key] = 0 if chance.wins else self._dry[member_id, claim.key] + 1
            self._rows.append(
                {
                    "member_id": member_id,
                    "gift_id": claim.key,
                    "day": local,
                    "mark": "\\x" + mark,
                    "row_no": chance.row,
                    "ticket": chance.ticket,
                    "won": chance.wins,
                    "purchase_id": purchase_id,
                    "recorded_at": now,
                }
            )

    def rows(self) -> list[tuple[Table, Rows]]:
        """What is to be written when all is decided."""
        return [(DRAWS, self._rows)]


def open_record(vault: Vault, row: queries.DayRow) -> Record:
    """The record of a committed day, from what is sealed.

    :raises Unreadable: it was not sealed under a key of the ring, or is another day's.
    """
    return rules.read_record(vault.unwrap(row.sealed, sealed_for(row.day)).decode())


def sealed_for(day: date) -> bytes:
    """What a day's record is bound to, so that none can be put in another's place."""
    return f"draws/{day.isoformat()}".encode()


def _hours(kept: Mapping[str, int]) -> dict[tuple[int, int], int]:
    """Expected draws by (weekday, hour), from the form they are kept in: ``"0 14": 1200``."""
    return {(int(day), int(hour)): number for key, number in kept.items() for day, hour in [key.split(" ")]}


def _array(texts: Iterable[str]) -> str:
    """An array as PostgreSQL writes it; days and rules' ids need no quotes."""
    return "{" + ",".join([f'"{text}"' for text in texts]) + "}"
