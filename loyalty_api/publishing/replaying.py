"""Replaying real purchases through a draft and through what was decided, by member or in the order of time.

Versions without limits that members share are replayed member by member, so any number of members can be replayed at
once and in any order. A budget that one member takes of is not there for the next: then everything is gone through in
the order of time, by one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import orjson
from psycopg.rows import TupleRow

from loyalty_api.gifts import rules_drawing
from loyalty_api.publishing import queries_replay as queries
from loyalty_api.publishing.loading import Lived, Loader, Opened
from loyalty_api.publishing.queries_replay import Connected, Span
from loyalty_api.publishing.rules_comparing import Comparing, Window
from loyalty_api.publishing.rules_report import AGES, BASE_ODDS, CHANCES, GIFTS_STAY, Price, Prices
from loyalty_api.publishing.rules_tally import Tally
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.rating.rules_folding import Start
from loyalty_api.rating.rules_luck import Luck
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit import birthdays

MEMBERS_AT_ONCE = 50
"""A replay reads so many members at once, and is written down between them."""
_EVENTS_AT_ONCE = 1_000
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed: the draft's canonical document, the versions it would follow, and which purchases.

    ``versions`` are (from when on, number, canonical document) in the order in which they are in force. ``sample`` is
    how many of a hundred members are looked at; None for all of them.
    """

    document: str
    fingerprint: str
    versions: tuple[tuple[datetime, int, str], ...]
    span: Span
    sample: int | None = None

    @property
    def seed(self) -> bytes:
        """The same run looks at the same members."""
        span = self.span
        said = (self.fingerprint, span.starts.isoformat(), span.ends.isoformat(), str(self.sample))
        return sha256("|".join(said).encode()).digest()


class Replay:
    """A plan whose rules are compiled."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        span = plan.span
        published = [(start, _compiled(text, number)) for start, number, text in plan.versions]
        self.draft = _compiled(plan.document, len(plan.versions) + 1)
        earlier = [(start, program) for start, program in published if start < span.starts]
        self._published = published
        # Levels were held before the draft takes over; nothing else of earlier versions is asked for.
        self._drafted = [*(earlier if self.draft.tiers else []), (span.starts, self.draft)]
        self._used = self._in_use()
        drawing = any(rules_drawing.chance_ids(program.gifts) for program in (*self._used, self.draft))
        self._luck = Luck(plan.seed) if drawing else None
        self.window = Window(span.starts, span.ends, self.draft.settings.zone)

    @property
    def in_time_order(self) -> bool:
        """Whether members share something that runs out."""
        return self.draft.shares or any(program.shares for program in self._used)

    def _in_use(self) -> list[Program]:
        """The versions that were in force in the window."""
        started = [start for start, _ in self._published if start <= self.plan.span.starts]
        since = max(started, default=self.plan.span.starts)
        return [program for start, program in self._published if since <= start < self.plan.span.ends]

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures of gifts has to know: which of them are simulated, and what is left out."""
        sides, ages = (*self._used, self.draft), birthdays.ages(self.draft.earning.asks)
        standing = (
            (CHANCES, self._luck is not None),
            (BASE_ODDS, any(rules_drawing.paced(program.gifts) for program in sides)),
            (AGES, any(key not in program.earning.asks for program in self._used for key in ages)),
            (GIFTS_STAY, any(program.gifts and program.gifts.at_purchase for program in sides)),
        )
        return [note for note, stands in standing if stands]

    @property
    def prices(self) -> Prices:
        """What points are worth at the window's end, and by the draft."""
        last = Versions(self._published).at(self.plan.span.ends)
        return Prices(_price(last) if last else None, _price(self.draft))

    def looks_at(self, member_id: UUID) -> bool:
        """Whether the sample holds this member: by a hash that the run alone decides."""
        if self.plan.sample is None:
            return True
        drawn = sha256(self.plan.seed + member_id.bytes).digest()[:8]
        return int.from_bytes(drawn) * 100 >> 64 < self.plan.sample

    def of_members(self, connection: Connected, rows: Sequence[TupleRow]) -> Tally:
        """Replay members one after the other."""
        tally = Tally(walked=len(rows))
        members = [MemberRow(*row) for row in rows if self.looks_at(row[0])]
        tally.looked = len(members)
        before, after = self._sides({})
        loader = Loader(connection, self.plan.span, before=before, after=after, draft=self.draft)
        lived = loader.lived(members) if members else {}
        for member_id in sorted(lived):
            self._compare(lived.pop(member_id), before, after, tally)
        return tally

    def of_all(self, connection: Connected) -> Iterator[tuple[Tally, datetime]]:
        """Replay everybody's events in the order of time; the tally so far, again and again, and the moment it is at.

        The tally is complete once nothing more comes.
        """
        tally = Tally(walked=queries.people(connection))
        before, after = self._sides(queries.taken(connection, self.plan.span))
        loader = Loader(connection, self.plan.span, before=before, after=after, draft=self.draft)
        opened, going = Opened(), dict[UUID, Comparing]()
        for keys in queries.in_time_order(connection, self.plan.span, at_once=_EVENTS_AT_ONCE):
            rows = [row for row in keys if self.looks_at(row[0])]
            fresh = loader.opened(sorted({row[0] for row in rows} - opened.members.keys()))
            opened.add(fresh)
            for member_id, start in fresh.starts.items():
                going[member_id] = self._comparing(start, before, after, tally)
            _replay_page(loader, rows, opened, going)
            yield tally, keys[-1][3]
        for member_id in sorted(going):
            going[member_id].close()
        tally.looked = sum(1 for _ in going) if self.plan.sample else tally.walked
        yield tally, self.plan.span.ends

    def _sides(self, taken: dict[str, int]) -> tuple[Versions, Versions]:
        before, after = self._published, self._drafted
        return Versions(before, taken=taken, luck=self._luck), Versions(after, taken=taken, luck=self._luck)

    def _comparing(self, start: Start, before: Versions, after: Versions, tally: Tally) -> Comparing:
        return Comparing(start, before, after, window=self.window, tally=tally)

    def _compare(self, lived: Lived, before: Versions, after: Versions, tally: Tally) -> None:
        comparing = self._comparing(lived.start, before, after, tally)
        for decided, drafted in lived.events:
            comparing.see(decided, drafted)
        comparing.close()


def _replay_page(
    loader: Loader, rows: Sequence[TupleRow], opened: Opened, going: dict[UUID, Comparing]
) -> None:
    bought = loader.page([(row[0], row[1]) for row in rows if not row[2]], opened)
    for member_id, each, back, _ in rows:
        pairs = opened.returned.pop(each, ()) if back else [bought[each]]
        for before, after in pairs:
            going[member_id].see(before, after)


def _compiled(text: str, number: int) -> Program:
    return compile_program(orjson.loads(text), version=number)


def _price(program: Program) -> Price | None:
    rate: Price | None = program.settings.sections["redeem"]["rate"]
    return rate
