"""From rows to events: what members bought and brought back, as a fold takes it, and how they stood before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

import orjson
from psycopg.rows import TupleRow

from loyalty_api.publishing import queries_replay as queries
from loyalty_api.publishing.queries_replay import Connected, Span
from loyalty_api.publishing.reading import Back, Sold, back_of, decided, member_told, purchase_in, sold_of
from loyalty_api.purchases.booking import facts_of
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.rating.rules_folding import Bought, Earlier, Kept, Returned, Start
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit import birthdays
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.periods import PERIODS, period_of
from loyalty_api.tiers.rules import NOTHING as NO_AMOUNTS
from loyalty_api.tiers.rules import Amounts
from loyalty_api.tiers.rules_standing import State
from loyalty_api.tiers.rules_walking import Stood

Pair = tuple[Bought, Bought] | tuple[Returned, Returned]
"""One event as it is for what was decided, and for the draft."""
_HISTORY = "history:"


@dataclass(slots=True)
class Lived:
    """One member's start, and what it did in the window, in the order of moments and ids."""

    start: Start = field(default_factory=Start)
    events: list[Pair] = field(default_factory=list)


@dataclass(slots=True)
class Opened:
    """Members whose events come one by one: how they start, and what comes back, by the id of the return."""

    members: dict[UUID, MemberRow] = field(default_factory=dict)
    starts: dict[UUID, Start] = field(default_factory=dict)
    returned: dict[UUID, list[Pair]] = field(default_factory=dict)
    coming: set[UUID] = field(default_factory=set)

    def add(self, more: Opened) -> None:
        """Open others beside those that are open; starts are for once."""
        self.members |= more.members
        self.returned |= more.returned
        self.coming |= more.coming


class Loader:
    """Reads members a handful at a time, as the rules of two sides need to know them."""

    def __init__(
        self, connection: Connected, span: Span, *, before: Versions, after: Versions, draft: Program
    ) -> None:
        self._connection, self._span, self._draft = connection, span, draft
        self._before, self._after = before, after
        programs = [*before.programs, *after.programs]
        self._counting = any(program.counting for program in programs)
        self._profile = any(not key.startswith(_HISTORY) for key in draft.earning.asks)
        self._ages = birthdays.ages(draft.earning.asks)
        zones = {program.settings.zone for program in programs}
        days = {local_day(span.starts, zone) for zone in zones}
        periods = {period_of(day, per) for day in days for per in PERIODS}
        self._periods = sorted(periods.union(*[_pauses(program) for program in programs]))

    def lived(self, members: Sequence[MemberRow]) -> dict[UUID, Lived]:
        """Everything of these members in the window; who did nothing in it is left out."""
        by_id = {member.member_id: member for member in members}
        with queries.by_key(self._connection):
            sold = self._sold(queries.purchases(self._connection, list(by_id), self._span))
            backs = self._backs(list(by_id), sold)
            started = self._starts(by_id, {each.member_id for each in sold.values()} | backs.keys(), backs)
        found: dict[UUID, Lived] = {member_id: Lived(start) for member_id, start in started.items()}
        elsewhere = {each.purchase_id for every in backs.values() for each in every}
        for each in sold.values():
            pair = self.bought(each, by_id[each.member_id], comes_back=each.purchase_id in elsewhere)
            found[each.member_id].events.append(pair)
        for member_id, every in backs.items():
            found[member_id].events += self._returned(every)
        for lived in found.values():
            lived.events.sort(key=_place)
        return {member_id: lived for member_id, lived in found.items() if lived.events}

    def opened(self, ids: Sequence[UUID]) -> Opened:
        """What is known of members before their events come one by one, across members."""
        with queries.by_key(self._connection):
            by_id = {row[0]: MemberRow(*row) for row in queries.members_named(self._connection, ids)}
            backs = self._backs(list(by_id), {})
            starts = self._starts(by_id, set(by_id), backs)
        returned: dict[UUID, list[Pair]] = defaultdict(list)
        for every in backs.values():
            for pair in self._returned(every):
                returned[pair[0].return_id].append(pair)
        coming = {back.purchase_id for every in backs.values() for back in every}
        return Opened(by_id, starts, returned, coming)

    def page(self, keys: Sequence[tuple[UUID, UUID]], opened: Opened) -> dict[UUID, Pair]:
        """Purchases by their ids, of members that are opened."""
        with queries.by_key(self._connection):
            sold = self._sold(queries.purchases_named(self._connection, keys))
        return {
            each.purchase_id: self.bought(
                each, opened.members[each.member_id], comes_back=each.purchase_id in opened.coming
            )
            for each in sold.values()
        }

    def bought(self, sold: Sold, member: MemberRow, *, comes_back: bool) -> tuple[Bought, Bought]:
        """A purchase for both sides: rated by the draft, and as it was decided where the version then in force did."""
        told, program = member_told(sold.known), self._before.at(sold.at)
        if self._profile:
            asked = facts_of(member, self._draft, sold.at).member
            more = {**(asked.attributes if asked else {}), **self._of_age(program)}
            told = replace(told, attributes={**more, **told.attributes})
        after = Bought(sold.purchase_id, sold.at, sold.basket, told, None, comes_back)
        decision = decided(sold.decision, comes_back=comes_back)
        if decision is None or program is None or decision.version != program.version:
            return after, after
        return Bought(sold.purchase_id, sold.at, sold.basket, told, decision, comes_back), after

    def _of_age(self, program: Program | None) -> dict[str, bool]:
        """Days of birth are not opened here: where the version in force asked for no such age, it counts as reached."""
        known = program.earning.asks if program else frozenset[str]()
        return {key: True for key in self._ages if key not in known}

    def _sold(self, rows: Sequence[TupleRow]) -> dict[UUID, Sold]:
        lines: defaultdict[UUID, list[TupleRow]] = defaultdict(list)
        for line in queries.lines(self._connection, [(row[0], row[1]) for row in rows]) if rows else ():
            lines[line[0]].append(line)
        return {row[1]: sold_of(row, lines[row[1]]) for row in rows}

    def _backs(self, members: Sequence[UUID], sold: dict[UUID, Sold]) -> dict[UUID, list[Back]]:
        """What members brought back, purchase by purchase; purchases from before the window are read into ``sold``."""
        rows = queries.returns(self._connection, members)
        parts = {row[1]: orjson.loads(row[4]) if row[4] else [] for row in rows}
        named = {(row[0], purchase_in(part)) for row in rows for part in parts[row[1]]}
        others = [(member, purchase) for member, purchase in sorted(named) if purchase not in sold]
        earlier = self._sold(queries.purchases_named(self._connection, others)) if others else {}
        found: dict[UUID, list[Back]] = {}
        states = {name: dict(each.back) for name, each in (earlier | sold).items()}
        for row in reversed(rows):
            for part in reversed(parts[row[1]]):
                each = sold.get(purchase_in(part)) or earlier.get(purchase_in(part))
                if each is not None:
                    found.setdefault(row[0], []).append(back_of(row, part, each, states[each.purchase_id]))
        return {member_id: every[::-1] for member_id, every in found.items()}

    def _returned(self, backs: Sequence[Back]) -> Iterable[tuple[Returned, Returned]]:
        """The returns of the window as events; each carries its purchase where that was made before it."""
        span = self._span
        for back in backs:
            if not span.starts <= back.at < span.ends or back.recorded_at > span.until:
                continue
            each, of = back.sold, None
            if each.at < span.starts:
                of = Kept(decided(each.decision), each.basket, each.at, back.before)
            event = Returned(back.return_id, back.purchase_id, back.at, back.after, back.whole, of)
            yield event, event

    def _starts(
        self, members: Mapping[UUID, MemberRow], wanted: Iterable[UUID], backs: Mapping[UUID, Sequence[Back]]
    ) -> dict[UUID, Start]:
        """How members stood when the window began, as far as a side's rules ask for it."""
        which = sorted(wanted)
        gone = {
            member_id: [back for back in backs.get(member_id, ()) if back.at < self._span.starts]
            for member_id in which
        }  # fmt: skip
        counters = self._counters(which, gone) if self._counting else {}
        earlier = self._remembered(which, gone) if self._before.past or self._after.past else {}
        stood = self._stood(which, members) if self._before.timeline or self._after.timeline else {}
        return {i: Start(counters.get(i, {}), earlier.get(i, ()), stood.get(i)) for i in which}

    def _counters(
        self, members: Sequence[UUID], gone: Mapping[UUID, Sequence[Back]]
    ) -> dict[UUID, dict[str, int]]:
        found: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
        for member_id, key, amount in queries.claimed(self._connection, members, self._span, self._periods):
            found[member_id][key] = amount
        for member_id, backs in gone.items():
            known = found[member_id]
            for kind, key, amount in [claim for back in backs for claim in back.counted]:
                if kind == "counter" and key in known:
                    known[key] -= amount
        return found

    def _remembered(
        self, members: Sequence[UUID], gone: Mapping[UUID, Sequence[Back]]
    ) -> dict[UUID, list[Earlier]]:
        """What was bought before the window and had not come back whole by then."""
        whole = {back.purchase_id for backs in gone.values() for back in backs if back.whole}
        found: defaultdict[UUID, list[Earlier]] = defaultdict(list)
        rows = queries.purchases_before(self._connection, members, self._span)
        for each in sorted(self._sold(rows).values(), key=lambda each: (each.at, each.purchase_id)):
            if each.purchase_id not in whole:
                found[each.member_id].append(Earlier(each.at, each.purchase_id, each.basket))
        return found

    def _stood(self, members: Sequence[UUID], known: Mapping[UUID, MemberRow]) -> dict[UUID, Stood]:
        days: defaultdict[UUID, dict[date, Amounts]] = defaultdict(dict)
        for sign, rows in (
            (1, queries.progress(self._connection, members, self._span)),
            (-1, queries.progress_back(self._connection, members, self._span)),
        ):
            for member_id, text in rows:
                for told in orjson.loads(text):
                    day, more = date.fromisoformat(told["day"]), _amounts(told)
                    before = days[member_id].get(day, NO_AMOUNTS)
                    days[member_id][day] = before + more if sign > 0 else before - more
        starts = self._span.starts
        states = {
            member_id: State(level, since, level, since, starts)
            for member_id, level, since in queries.levels(self._connection, members, self._span)
        }
        return {
            i: Stood(known[i].enrolled_at, states.get(i), days[i]) for i in members
        }  # fmt: skip


def _pauses(program: Program) -> set[str]:
    """What stands in the place of a period where it is counted when a member was last given something by a rule."""
    rules = program.gifts.at_purchase if program.gifts else ()
    return {str(rule.cooldown_days) for rule in rules if rule.cooldown_days is not None}


def _place(pair: Pair) -> tuple[datetime, UUID]:
    event = pair[0]
    return event.at, event.purchase_id if isinstance(event, Bought) else event.return_id


def _amounts(told: Mapping[str, int]) -> Amounts:
    return Amounts(told["points"], told["spend"], told["visits"])
