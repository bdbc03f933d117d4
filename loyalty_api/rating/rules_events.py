"""What an event earns under one version of the program: the same inputs give the same decision for ever. Pure."""

from __future__ import annotations

from datetime import datetime

from loyalty_api.earning import rules_events
from loyalty_api.earning.rules_types import EarningRule
from loyalty_api.rating.rules import EARNING_STATUSES
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Reason
from loyalty_api.rulekit.facts import Facts, Needs


def nothing_bought(program: Program) -> Basket:
    """The basket that stands where nothing was bought."""
    return Basket("", program.settings.currency, (), channel="event")


def needs(program: Program, *, event: str, reporter: str, at: datetime) -> Needs:
    """The counters and limits to load before rating an event of that moment."""
    return rules_events.needs(_rules(program, event, reporter), at, program.settings.zone)


def budgets(program: Program, *, event: str, reporter: str) -> dict[str, int]:
    """How many points the event's rules give to all members together, by the key of the limit."""
    return rules_events.budgets(_rules(program, event, reporter))


def evaluate_event(
    event: str, facts: Facts, program: Program, at: datetime | None, *, reporter: str, told_at: datetime
) -> Decision:
    """What an event of the moment ``at`` earns the member of ``facts``, reported by a client of this kind.

    ``at`` is None when it happened too long ago. Then, and of a member who may not earn (R27), the decision has one
    reason and no effects; it is dated ``told_at``.
    """
    status = facts.member.status if facts.member else "erased"
    refused = "too_late" if at is None else None if status in EARNING_STATUSES else f"member_{status}"
    if at is None or refused is not None:
        reason = Reason(None, "not_applicable", refused or "too_late")
        return Decision(program.version, at or told_at, (), (reason,))
    given = rules_events.earn(
        _rules(program, event, reporter), facts, nothing_bought=nothing_bought(program),
        at=at, zone=program.settings.zone,
    )  # fmt: skip
    return Decision(program.version, at, given.effects, given.reasons, (), given.claims)


def _rules(program: Program, event: str, reporter: str) -> list[EarningRule]:
    return program.events.of(event, reporter)
