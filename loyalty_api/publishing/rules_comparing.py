"""One member's purchases under two sides at once, what was decided and the draft, noted in a tally. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.publishing.rules_tally import NO_LEVEL, Tally
from loyalty_api.rating.rules_folding import Bought, Folding, Returned, Start
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision, Effect

Event = Bought | Returned


@dataclass(frozen=True, slots=True)
class Window:
    """From when on, and up to when, purchases are replayed, in the program's time zone."""

    starts: datetime
    ends: datetime
    zone: ZoneInfo

    def begin(self, at: datetime) -> str:
        """The Monday of the week in which a moment lies."""
        return _monday(local_day(at, self.zone).toordinal())


@lru_cache(maxsize=1024)
def _monday(day: int) -> str:
    return datetime.fromordinal(day - (day - 1) % 7).date().isoformat()


class Comparing:
    """One member, gone through event by event in their order, and closed at the window's end."""

    __slots__ = ("_last", "_places", "_sides", "_sliding", "_tally", "_window", "points")

    def __init__(
        self, start: Start, before: Versions, after: Versions, *, window: Window, tally: Tally
    ) -> None:
        at = window.starts
        self._sides = (Folding(start, before, at=at), Folding(start, after, at=at))
        self._window, self._tally = window, tally
        self._places: dict[UUID, tuple[str, str, str]] = {}
        self._sliding: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._last: datetime | None = None
        self.points = [0, 0]

    def see(self, before: Event, after: Event) -> None:
        """Note a purchase or a return, as either side is to take it: ``before`` may say what was decided then."""
        if isinstance(before, Bought) and isinstance(after, Bought):
            self._buy(before, after)
        elif isinstance(before, Returned):
            self._bring_back(before)

    def close(self) -> None:
        """Nothing more comes: note how the member fared, and where it stands at the window's end."""
        tally = self._tally
        tally.member(*self.points)
        levels = []
        for n, folding in enumerate(self._sides):
            folding.elapse(self._window.ends)
            levels.append(_level(folding))
            tally.outstanding[n] += sum(
                points
                for months, points in self._sliding[n].items()
                if self._last and self._ends(self._last, months) > self._window.ends
            )
        if any(folding.walk for folding in self._sides):
            move = f"{levels[0]}>{levels[1]}"
            tally.moves[move] = tally.moves.get(move, 0) + 1

    def _buy(self, bought: Bought, again: Bought) -> None:
        tally, (before, after) = self._tally, self._sides
        before.elapse(bought.at)
        place = (bought.basket.store, _level(before), self._window.begin(bought.at))
        if bought.comes_back:
            self._places[bought.purchase_id] = place
        tally.purchases += 1
        self._slide(bought.at)
        self._note(0, before.buy(bought), place)
        self._note(1, after.buy(again), place)

    def _note(self, n: int, decision: Decision | None, place: tuple[str, str, str]) -> None:
        points = 0
        for effect in decision.effects if decision else ():
            if effect.kind == "points" and effect.granted:
                points += effect.granted
                self._tally.rules[effect.rule][n] += effect.granted
                self._outlive(n, effect, effect.granted)
        self._count(n, points, place)
        if decision is not None and self._sides[n].versions.gifts:
            self._give(n, decision)

    def _give(self, n: int, decision: Decision) -> None:
        """Note the draws that were made and the gifts that were given, with what each costs by its version."""
        tally, rules = self._tally, self._sides[n].versions.gifts
        for claim in decision.claims:
            if claim.kind == "draw":
                tally.draws[claim.key][n] += 1
        for gift in decision.gifts:
            tally.granted[gift.rule][n] += 1
            rule = rules.get((decision.version, gift.rule))
            if rule is not None:
                tally.gift_cost[gift.rule][n] += rule.cost
                tally.gift_points[gift.rule][n] += rule.give.points
                tally.gift_pieces[gift.rule][n] += rule.give.pieces

    def _count(self, n: int, points: int, place: tuple[str, str, str]) -> None:
        if not points:
            return
        tally, (store, level, week) = self._tally, place
        self.points[n] += points
        tally.points[n] += points
        tally.stores[store][n] += points
        tally.tiers[level][n] += points
        tally.weeks[week][n] += points

    def _bring_back(self, returned: Returned) -> None:
        """What comes back of the window's own purchases is taken off where they were noted."""
        place = self._places.get(returned.purchase_id)
        self._tally.returns += place is not None
        for n, folding in enumerate(self._sides):
            kept = folding.kept(returned.purchase_id)
            taken: dict[str, int] = {}
            for rules in folding.bring_back(returned).values():
                for rule, points in rules.items():
                    taken[rule] = taken.get(rule, 0) + points
            if place is None:
                continue
            for effect in kept.decision.effects if kept and kept.decision else ():
                points = taken.pop(effect.rule, 0)
                self._tally.rules[effect.rule][n] -= points
                self._outlive(n, effect, -points)
                self._count(n, -points, place)

    def _outlive(self, n: int, effect: Effect, points: int) -> None:
        """Points that have not expired when the window ends are owed to members then, nothing being spent."""
        if effect.sliding_months is not None:
            sliding = self._sliding[n]
            sliding[effect.sliding_months] = sliding.get(effect.sliding_months, 0) + points
        elif effect.expires_at is None or effect.expires_at > self._window.ends:
            self._tally.outstanding[n] += points

    def _slide(self, at: datetime) -> None:
        """Points that live by activity are gone when there was none for too long, and else live on."""
        for sliding in self._sliding:
            for months in sliding:
                if self._last and self._ends(self._last, months) <= at:
                    sliding[months] = 0
        self._last = at

    def _ends(self, active: datetime, months: int) -> datetime:
        terms = LotTerms(expire=("inactivity", months))
        found = terms_for(terms=terms, at=active, zone=self._window.zone).expires_at
        return found or active + timedelta(days=1)


def _level(folding: Folding) -> str:
    return (folding.walk.level if folding.walk else None) or NO_LEVEL
