"""From rows to events: what members bought and brought back, as a fold takes it, and how they stood before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.earning.rules_caps import PERIODS, period_of
from loyalty_api.publishing import queries_replay as queries
from loyalty_api.publishing.queries_replay import SEPARATOR, Connected, Span
from loyalty_api.purchases.booking import facts_of
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.rating.rules import Program
from loyalty_api.rating.rules_folding import Bought, Earlier, Kept, Returned, Start, Versions
from loyalty_api.rating.rules_returns import ALL, NOTHING, Progress, progress_from
from loyalty_api.rulekit.basket import NO_PATH, Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Member
from loyalty_api.rulekit.stored import decision_from_json
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


@dataclass(frozen=True, slots=True)
class _Sold:
    """A stored purchase: its row, when it was rated, and what was in it."""

    member_id: UUID
    purchase_id: UUID
    at: datetime
    basket: Basket
    known: str | None
    decision: str | None
    back: Mapping[str, Progress]


@dataclass(frozen=True, slots=True)
class _Back:
    """One purchase's part in a return: how far its lines had come back before and after it."""

    return_id: UUID
    sold: _Sold
    at: datetime
    recorded_at: datetime
    before: Mapping[str, Progress]
    after: Mapping[str, Progress]
    whole: bool
    counted: Sequence[Sequence[Any]]

    @property
    def purchase_id(self) -> UUID:
        """The purchase of which something came back."""
        return self.sold.purchase_id


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
        self._counting = any(program.earning.counting for program in programs)
        self._profile = any(not key.startswith(_HISTORY) for key in draft.earning.asks)
        zones = {program.settings.zone for program in programs}
        days = {span.starts.astimezone(zone).date() for zone in zones}
        self._periods = sorted({period_of(day, per) for day in days for per in PERIODS})

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

    def bought(self, sold: _Sold, member: MemberRow, *, comes_back: bool) -> tuple[Bought, Bought]:
        """A purchase for both sides: rated by the draft, and as it was decided where the version then in force did."""
        told = _member(sold.known)
        if self._profile:
            asked = facts_of(member, self._draft, sold.at).member
            more = dict(asked.attributes) if asked else {}
            told = Member(told.status, None, told.staff, told.segments, {**more, **told.attributes})
        after = Bought(sold.purchase_id, sold.at, sold.basket, told, None, comes_back)
        decided = _decided(sold.decision)
        program = self._before.at(sold.at)
        if decided is None or program is None or decided.version != program.version:
            return after, after
        return Bought(sold.purchase_id, sold.at, sold.basket, told, decided, comes_back), after

    def _sold(self, rows: Sequence[TupleRow]) -> dict[UUID, _Sold]:
        lines: defaultdict[UUID, list[TupleRow]] = defaultdict(list)
        for line in queries.lines(self._connection, [(row[0], row[1]) for row in rows]) if rows else ():
            lines[line[0]].append(line)
        return {row[1]: _sold(row, lines[row[1]]) for row in rows}

    def _backs(self, members: Sequence[UUID], sold: dict[UUID, _Sold]) -> dict[UUID, list[_Back]]:
        """What members brought back, purchase by purchase; purchases from before the window are read into ``sold``."""
        rows = queries.returns(self._connection, members)
        parts = {row[1]: orjson.loads(row[4]) if row[4] else [] for row in rows}
        named = {(row[0], _purchase(part)) for row in rows for part in parts[row[1]]}
        others = [(member, purchase) for member, purchase in sorted(named) if purchase not in sold]
        earlier = self._sold(queries.purchases_named(self._connection, others)) if others else {}
        found: dict[UUID, list[_Back]] = {}
        states = {name: dict(each.back) for name, each in (earlier | sold).items()}
        for row in reversed(rows):
            for part in reversed(parts[row[1]]):
                each = sold.get(_purchase(part)) or earlier.get(_purchase(part))
                if each is not None:
                    found.setdefault(row[0], []).append(_back(row, part, each, states[each.purchase_id]))
        return {member_id: every[::-1] for member_id, every in found.items()}

    def _returned(self, backs: Sequence[_Back]) -> Iterable[tuple[Returned, Returned]]:
        """The returns of the window as events; each carries its purchase where that was made before it."""
        span = self._span
        for back in backs:
            if not span.starts <= back.at < span.ends or back.recorded_at > span.until:
                continue
            each, of = back.sold, None
            if each.at < span.starts:
                of = Kept(_decided(each.decision), each.basket, each.at, back.before)
            event = Returned(back.return_id, back.purchase_id, back.at, back.after, back.whole, of)
            yield event, event

    def _starts(
        self, members: Mapping[UUID, MemberRow], wanted: Iterable[UUID], backs: Mapping[UUID, Sequence[_Back]]
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
        self, members: Sequence[UUID], gone: Mapping[UUID, Sequence[_Back]]
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
        self, members: Sequence[UUID], gone: Mapping[UUID, Sequence[_Back]]
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


def _place(pair: Pair) -> tuple[datetime, UUID]:
    event = pair[0]
    return event.at, event.purchase_id if isinstance(event, Bought) else event.return_id


def _amounts(told: Mapping[str, int]) -> Amounts:
    return Amounts(told["points"], told["spend"], told["visits"])


def _purchase(part: Mapping[str, Any]) -> UUID:
    return ids.read("pur", part["purchase_id"]) or UUID(int=0)


def _back(row: TupleRow, part: Mapping[str, Any], sold: _Sold, state: dict[str, Progress]) -> _Back:
    """A part of a return; ``state`` is how far its purchase has come back with it, and is taken back before it."""
    touched: Mapping[str, Sequence[Any] | None] = part["lines"]
    after = {line_id: state[line_id] for line_id in touched if line_id in state}
    whole = all(state.get(line.line_id, NOTHING).part == ALL for line in sold.basket.lines)
    for line_id, before in touched.items():
        if before is None:
            state.pop(line_id, None)
        else:
            state.update(progress_from({line_id: before}))
    at = max(row[2], sold.at)
    return _Back(row[1], sold, at, row[3], dict(state), after, whole, part.get("counted", ()))


def _sold(row: TupleRow, lines: list[TupleRow]) -> _Sold:
    member_id, purchase_id, occurred_at, recorded_at, store, currency, kind, channel = row[:8]
    receipt = orjson.loads(row[8])
    payments, coupons = receipt.get("payments"), receipt.get("coupons")
    lines.sort(key=_number)
    basket = Basket(
        store,
        currency,
        tuple([_line(line) for line in lines]),
        tuple([Payment(p["kind"], p["amount"], p.get("redemption_id")) for p in payments])
        if payments
        else (),
        kind,
        channel,
        receipt.get("tax_included", False),
        receipt.get("time_zone"),
        "settled",
        tuple(coupons) if coupons else (),
    )
    back = progress_from(orjson.loads(row[11])) if row[11] else {}
    at = min(occurred_at, recorded_at)
    return _Sold(member_id, purchase_id, at, basket, row[9], row[10], back)


def _number(row: TupleRow) -> int:
    number: int = row[1]
    return number


def _line(row: TupleRow) -> Line:
    _, _, line_id, amount, sku, quantity, unit, kind, discounts, category, department, brand, legal, tax = row
    return Line(
        line_id,
        amount,
        sku,
        quantity,
        unit,
        kind,
        _discounts(discounts) if discounts else (),
        _path(category) if category else NO_PATH,
        department,
        brand,
        legal,
        tax,
    )


@lru_cache(maxsize=20_000)
def _path(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(SEPARATOR))


def _discounts(text: str) -> tuple[LineDiscount, ...]:
    names = ("source", "amount", "kind", "promotion_id", "basket_wide")
    found = [{name: said[name] for name in names if name in said} for said in orjson.loads(text)]
    return tuple([LineDiscount(**said) for said in found])


@lru_cache(maxsize=4096)
def _member(text: str | None) -> Member:
    known = orjson.loads(text) if text else {}
    return Member(
        known.get("status", "active"),
        None,
        known.get("staff", False),
        tuple(known.get("segments", ())),
        known.get("attributes", {}),
    )


def _decided(text: str | None) -> Decision | None:
    return decision_from_json(orjson.loads(text)) if text else None
