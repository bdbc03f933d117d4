"""Evaluate a basket under one version of the program.

``evaluate`` reads no clock, no database and no random source: the same inputs give the same decision for
ever. State comes in as numbers and goes out as claims; ``advance`` is the only place that counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from loyalty_api.earning import rules as earning_rules
from loyalty_api.gifts import rules as gift_rules
from loyalty_api.program.rules import Settings
from loyalty_api.promotions import rules as promotion_rules
from loyalty_api.promotions.rules_types import Priced
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Reason
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers import rules_benefits as tier_benefits

EARNING_STATUSES = frozenset(("active", "earn_only"))
"""Members of any other status are kept with the purchase and earn nothing (R27)."""


def price(basket: Basket, facts: Facts, program: Program, at: datetime) -> Priced:
    """What the program's promotions take off an open basket; whoever may not earn buys as nobody does."""
    if program.promotions is None:
        return Priced(replace(basket, pricing="settled"))
    return promotion_rules.price(
        basket,
        as_buyer(facts),
        program.promotions,
        at=at,
        zone=program.settings.zone,
        paused=program.paused,
    )


def as_buyer(facts: Facts) -> Facts:
    """The facts as promotions look at them: whoever may not earn buys as nobody does."""
    may_earn = facts.member is not None and facts.member.status in EARNING_STATUSES
    return facts if may_earn else replace(facts, member=None)


def evaluate(basket: Basket, facts: Facts, program: Program, at: datetime) -> Decision:
    """What the basket costs and earns for the member in ``facts`` under ``program``, at the aware moment ``at``.

    An ``open`` basket is priced first, and earns on what remains; of a ``settled`` one the discounts are facts.
    """
    if basket.pricing != "open":
        return _earned(basket, facts, program, at)
    priced = price(basket, facts, program, at)
    return priced.told(_earned(priced.basket, facts, program, at))


def _earned(basket: Basket, facts: Facts, program: Program, at: datetime) -> Decision:
    """What a settled basket earns.

    A basket without a member, of a member who may not earn, or of a kind that does not earn has one reason
    and no effects.
    """
    refused = _refused(basket, facts, program.settings)
    if refused is not None:
        claims = earning_rules.remembered(basket, facts, program.earning, at=at, zone=program.settings.zone)
        return Decision(program.version, at, (), (Reason(None, "not_applicable", refused),), (), claims)
    earned = earning_rules.earn(basket, facts, program.earning, at=at, zone=program.settings.zone)
    held = facts.member.tier if facts.member else None
    more = tier_benefits.level_points(
        basket, earned.effects, program.tiers, held, settings=program.settings, at=at
    )
    if program.paused:
        earned.reasons.extend(
            [Reason(one.rule, "skipped", "paused") for one in more if one.rule in program.paused]
        )
        more = [one for one in more if one.rule not in program.paused]
    decision = Decision(
        program.version,
        at,
        (*earned.effects, *more),
        tuple(earned.reasons),
        tuple(earned.near_misses),
        tuple(earned.claims),
        earned.basis.adjusted(basket.lines),
    )
    return _with_gifts(decision, basket, facts, program) if program.gifts else decision


def _with_gifts(decision: Decision, basket: Basket, facts: Facts, program: Program) -> Decision:
    """The decision with the gifts at the level reached; staff get none, and whoever may only earn (R18, R57)."""
    member, gifts = facts.member, program.gifts
    if gifts is None or member is None or member.staff or member.status != "active" or basket.kind == "staff":
        return decision
    if member.no_gifts:
        # Of each rule by itself: a reason without a rule would say that nothing at all was earned.
        unwanted = [Reason(rule.rule_id, "not_applicable", "opted_out") for rule in gifts.at_purchase]
        return replace(decision, reasons=(*decision.reasons, *unwanted))
    given = gift_rules.give(
        basket, facts, gifts, at=decision.at, zone=program.settings.zone, paused=program.paused
    )
    return replace(
        decision,
        reasons=(*decision.reasons, *given.reasons),
        claims=(*decision.claims, *given.claims),
        gifts=tuple(given.gifts),
    )


def advance(facts: Facts, basket: Basket, decision: Decision) -> Facts:  # noqa: ARG001 - tiers will count by it
    """The facts after the decision: limits less and counters plus what it claims, histories as it leaves them."""
    counters, limits = dict(facts.counters), dict(facts.limits)
    for claim in decision.all_claims:
        if claim.kind == "limit":
            limits[claim.key] = limits.get(claim.key, 0) - claim.amount
        elif claim.kind == "history":
            counters[claim.key] = claim.amount
        elif claim.kind == "counter":
            counters[claim.key] = counters.get(claim.key, 0) + claim.amount
    return replace(facts, counters=counters, limits=limits)


def _refused(basket: Basket, facts: Facts, settings: Settings) -> str | None:
    """The code that says why nothing at all is earned, or None."""
    member = facts.member
    if member is None:
        return "no_member"
    if member.status not in EARNING_STATUSES:
        return f"member_{member.status}"
    kind = "staff" if member.staff and basket.kind == "sale" else basket.kind
    return None if kind in settings.earning_kinds else "kind_does_not_earn"
