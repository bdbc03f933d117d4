"""How much of each promotion has been given, and how much is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.facts import service as facts
from loyalty_api.program.service import Programs
from loyalty_api.promotions.rules_limits import OFF, budget_keys
from loyalty_api.promotions.rules_types import Promotion
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.periods import period_of
from loyalty_api.stores.service import list_stores

_EVERY_STORE = 1_000_000
Standing = Mapping[str, tuple[int, int]]


class PromotionUnknown(NotFound):
    """The version in force has no promotion with this id."""

    code, title = "promotion_unknown", "There is no such promotion"


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken, held and left of a budget, or of one store's part of it: minor units, and purchases."""

    store_id: str | None
    taken: Mapping[str, int]
    held: Mapping[str, int]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """A promotion of the version in force; ``period`` is the present one of its budget, None where it has none."""

    promotion: Promotion
    paused: bool
    period: str | None = None
    use: tuple[Use, ...] = ()

    @property
    def used_up(self) -> bool:
        """Whether nothing is left anywhere."""
        return bool(self.use) and all(min(one.left.values()) <= 0 for one in self.use)


def in_force(session: Session, programs: Programs[Any], *, now: datetime) -> list[Told]:
    """The promotions in force at ``now``, in the order in which they act."""
    program = programs.at(driver(session), now)
    if program is None or program.promotions is None:
        return []
    rules: Sequence[Promotion] = program.promotions.rules
    day = local_day(now, program.settings.zone)
    apart = any(rule.limits and rule.limits.by_store for rule in rules)
    stores = [store.store_id for store in list_stores(session, limit=_EVERY_STORE)] if apart else []
    keys = [key for rule in rules for each in _kept(rule, day, stores).values() for key in each]
    standing = facts.standing(session, keys=keys, now=now)
    return [_told(rule, day, stores, standing, paused=rule.rule_id in program.paused) for rule in rules]


def named(session: Session, programs: Programs[Any], *, promotion_id: str, now: datetime) -> Told:
    """One of them.

    :raises PromotionUnknown: there is none with this id.
    """
    for told in in_force(session, programs, now=now):
        if told.promotion.rule_id == promotion_id:
            return told
    raise PromotionUnknown


def _kept(rule: Promotion, day: date, stores: Sequence[str]) -> dict[str | None, dict[str, int]]:
    """The keys of a promotion's budget with its size, by store where each has its own."""
    if rule.limits is None or rule.limits.budget is None:
        return {}
    places = stores if rule.limits.by_store else [None]
    return {place: budget_keys(rule, day=day, store=place or "") for place in places}


def _told(rule: Promotion, day: date, stores: Sequence[str], standing: Standing, *, paused: bool) -> Told:
    """A promotion with what of its budget stands; of stores only those that have given any of theirs."""
    budget = rule.limits.budget if rule.limits else None
    if budget is None:
        return Told(rule, paused)
    kept = _kept(rule, day, stores)
    use = [_use(place, keys, standing) for place, keys in kept.items()]
    given = [one for one in use if one.store_id is None or any(one.taken.values())]
    return Told(rule, paused, period_of(day, budget.per), tuple(given))


def _use(place: str | None, keys: Mapping[str, int], standing: Standing) -> Use:
    said = {"amount" if f":{OFF}:" in key else "times": key for key in keys}
    taken = {what: standing.get(key, (0, 0))[0] for what, key in said.items()}
    held = {what: standing.get(key, (0, 0))[1] for what, key in said.items()}
    return Use(place, taken, held, {what: max(0, keys[key] - taken[what]) for what, key in said.items()})
