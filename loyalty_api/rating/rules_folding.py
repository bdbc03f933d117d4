"""A member's purchases gone through once more, in the order in which they were made. Pure.

From the facts at the beginning, each purchase is rated, ``advance`` counts it, time passes in between (levels reached
and lost), and goods that came back are counted back when they did. Corrections and back-tests are two callers: what a
version *would* have decided follows from the same function and the same facts as what was decided.

Nobody's balance is known here, so a return takes back all that it may: what a gentler policy lets a member keep is not
seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_counted import counted, sold
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.rules_returns import Progress, claims_back, gifts_anew, revert
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit import history
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.rulekit.facts import NOBODY, Facts, Member
from loyalty_api.rulekit.windows import moment
from loyalty_api.tiers.rules_walking import Stood, Walk


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase as it was made. ``at`` is when it is rated; ``member`` is what the rules are told of the member then,
    its level left out. ``decided`` stands in the place of rating it. What never ``comes_back`` is not kept in mind.
    """

    purchase_id: UUID
    at: datetime
    basket: Basket
    member: Member | None
    decided: Decision | None = None
    comes_back: bool = True


class Earlier(NamedTuple):
    """A purchase from before the beginning, which rules that ask for a history remember."""

    at: datetime
    purchase_id: UUID
    basket: Basket


@dataclass(frozen=True, slots=True)
class Kept:
    """What a purchase was decided to earn, as returns undo it; ``back`` is how far its lines have come back."""

    decision: Decision | None
    basket: Basket
    at: datetime
    back: Mapping[str, Progress] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Returned:
    """Goods of a purchase that came back at ``at``: how far the lines that came had then come in all.

    ``whole``: nothing of the purchase is left. ``of`` is the purchase where it was made before the beginning.
    """

    return_id: UUID
    purchase_id: UUID
    at: datetime
    after: Mapping[str, Progress]
    whole: bool = False
    of: Kept | None = None


Event = Bought | Returned


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a member before the first purchase of a fold: counters, what it bought, how it stood.

    ``stood`` is needed only where a version has levels.
    """

    counters: Mapping[str, int] = field(default_factory=dict)
    earlier: Sequence[Earlier] = ()
    stood: Stood | None = None


class Folding:
    """One member's facts while its purchases and returns are gone through, in the order of their moments."""

    __slots__ = ("_counters", "_fortune", "_kept", "_remembered", "versions", "walk")

    def __init__(self, start: Start, versions: Versions, *, at: datetime) -> None:
        self.versions = versions
        self._counters = dict(start.counters)
        self._kept: dict[UUID, Kept] = {}
        self._remembered: list[Earlier] = []
        self._fortune = versions.luck.of_member() if versions.luck else None
        self.walk = Walk(start.stood, versions.timeline, at) if versions.timeline and start.stood else None
        for earlier in start.earlier if versions.past else ():
            self._remember(earlier, self._counters)

    def buy(self, bought: Bought) -> Decision | None:
        """What the purchase is decided to earn, and count it; None before the first version."""
        if self.walk:
            self.walk.elapse(bought.at)
        decision = self._decided(bought)
        self._count(bought, decision)
        if bought.comes_back:
            self._kept[bought.purchase_id] = Kept(decision, bought.basket, bought.at)
        return decision

    def _decided(self, bought: Bought) -> Decision | None:
        """What was decided, or what is decided now; where there is luck, gifts by chance are drawn in either case."""
        decided, fortune = bought.decided, self._fortune
        if decided is not None and fortune is None:
            return decided
        program = self.versions.at(bought.at)
        if program is None or (decided is not None and fortune is not None and not fortune.draws(program)):
            return decided
        again = evaluate(bought.basket, self.facts(bought, program), program, bought.at)
        if fortune is not None:
            fortune.note(again, program)
        return again if decided is None else gifts_anew(decided, again)

    def bring_back(self, returned: Returned) -> dict[str, dict[str, int]]:
        """Count back what came back; the points that it takes, by line and rule."""
        if self.walk:
            self.walk.elapse(returned.at)
        kept = self._kept.get(returned.purchase_id) or returned.of
        if kept is None:
            return {}
        taken = revert(kept.decision, kept.back, returned.after)
        for claim in claims_back(kept.decision, kept.back, returned.after, whole=returned.whole):
            self._give_back(claim)
        back = {**kept.back, **returned.after}
        if self.walk:
            self._count_less(kept, back, returned.at)
        if returned.whole and self.versions.past:
            self._forget(returned.purchase_id)
        self._kept[returned.purchase_id] = replace(kept, back=back)
        return taken

    def elapse(self, until: datetime) -> None:
        """What time alone does up to a moment."""
        if self.walk:
            self.walk.elapse(until)

    @property
    def counters(self) -> Mapping[str, int]:
        """What has been counted of the member, and the numbers of its history."""
        return self._counters

    def kept(self, purchase_id: UUID) -> Kept | None:
        """A purchase that was gone through, with what was decided and how far it has come back."""
        return self._kept.get(purchase_id)

    def facts(self, bought: Bought, program: Program) -> Facts:
        """The facts that a purchase is rated with: what the database would bring of them, and no more."""
        member = bought.member
        if member is None:
            return NOBODY
        if program.tiers is not None and self.walk:
            member = replace(member, tier=self.walk.level)
        facts = Facts(member) if program.plain else self._needed(member, bought, program)
        facts = self._with_benefits(facts, bought, program)
        if self._fortune is None:
            return facts
        return replace(facts, chances=self._fortune.chances(program, bought.purchase_id, bought.at))

    def _needed(self, member: Member, bought: Bought, program: Program) -> Facts:
        needs, known, here = program.needs(bought.at), self._counters, history.STORE + bought.basket.store
        counters = {key: known[key] for key in sorted(needs.counters) if known.get(key)}
        asks = program.earning.past
        past = [key for key in known if key in asks or (key == here and history.STORE in asks)]
        taken = self.versions.taken
        budgets = program.budgets(bought.at) if needs.limits else {}
        limits = {key: max(0, budgets[key] - taken.get(key, 0)) for key in sorted(needs.limits)}
        return Facts(member, counters | {key: known[key] for key in past}, limits)

    def _with_benefits(self, facts: Facts, bought: Bought, program: Program) -> Facts:
        """The facts with the level that the purchase reaches, where benefits begin with this purchase."""
        policy, member, walk = program.tiers, facts.member, self.walk
        if walk is None or policy is None or member is None or not policy.this_purchase:
            return facts
        amounts = counted(evaluate(bought.basket, facts, program, bought.at), bought.basket.lines)
        return replace(facts, member=replace(member, tier=walk.reached_with(amounts, bought.at)))

    def _count(self, bought: Bought, decision: Decision | None) -> None:
        """Go on from what the decision claims, what counts towards a level, and what was bought."""
        before = self._counters
        if decision is not None and decision.claims:
            self._advance(bought.basket, decision)
        if self.walk and self.walk.counts(bought.at):
            amounts = counted(decision, bought.basket.lines)
            if amounts.visits:
                self.walk.add(amounts, bought.at)
        if self.versions.past:
            self._remember(Earlier(bought.at, bought.purchase_id, bought.basket), before)

    def _advance(self, basket: Basket, decision: Decision) -> None:
        """Counters go up; of limits, whose size each version says itself, it is kept what is taken."""
        taken = self.versions.taken
        wanted = [claim.key for claim in decision.claims if claim.kind == "limit"]
        after = advance(
            Facts(None, self._counters, {key: -taken.get(key, 0) for key in wanted}), basket, decision
        )
        self._counters = dict(after.counters)
        taken |= {key: -after.limits[key] for key in wanted}

    def _give_back(self, claim: Claim) -> None:
        counters = self.versions.taken if claim.kind == "limit" else self._counters
        counters[claim.key] = counters.get(claim.key, 0) - claim.amount

    def _count_less(self, kept: Kept, back: Mapping[str, Progress], at: datetime) -> None:
        """What counted of a purchase before a return and does not after it."""
        walk = self.walk
        lines = sold(kept.basket)
        before, after = (counted(kept.decision, lines, some) for some in (kept.back, back))
        if walk and before != after and walk.counts(kept.at):
            walk.take(before - after, day=walk.day_of(kept.at), at=at)

    def _remember(self, earlier: Earlier, before: Mapping[str, int]) -> None:
        """Keep in mind what was bought, behind the numbers ``before`` it, for every version's rules."""
        program = self.versions.at(earlier.at) or self.versions.first
        now = moment(at=earlier.at, zone=program.settings.zone, basket=earlier.basket)
        self._counters |= history.after(before, earlier.basket, now, self.versions.past)
        self._remembered.append(earlier)

    def _forget(self, purchase_id: UUID) -> None:
        """A purchase that came back whole never was: the history is gone through anew without it."""
        left = [earlier for earlier in self._remembered if earlier.purchase_id != purchase_id]
        for key in [key for key in self._counters if key.startswith(history.PREFIX)]:
            del self._counters[key]
        self._remembered = []
        for earlier in left:
            self._remember(earlier, self._counters)


def fold(
    events: Iterable[Event], start: Start, versions: Versions, *, at: datetime
) -> Iterator[tuple[UUID, Decision | None]]:
    """What each purchase is decided to earn, by its id; ``at`` is when the fold begins.

    ``events`` come in the order of their moments and ids, purchases and returns together.
    """
    folding = Folding(start, versions, at=at)
    for event in events:
        if isinstance(event, Bought):
            yield event.purchase_id, folding.buy(event)
        else:
            folding.bring_back(event)
