"""Facts and decisions as plain dicts and lists, the form in which a purchase keeps them.

Members at their default are left out, so that a stored line costs only what it says. Every document carries
the engine number ``e`` it was written by; documents of an engine we do not know are refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loyalty_api.rulekit.decision import (
    ENGINE,
    Claim,
    Decision,
    Effect,
    NearMiss,
    Rate,
    Reason,
)
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored_discounts import (
    coupon_given,
    coupons_to_json,
    discount_given,
    discounts_to_json,
)
from loyalty_api.rulekit.stored_engine import Document, ensure_known, said
from loyalty_api.rulekit.stored_gifts import chances_from_json, chances_to_json, gift_given, gifts_to_json

# --- facts -----------------------------------------------------------------------------------------------


def facts_to_json(facts: Facts) -> Document:
    """``{e, member?: {status, tier?, staff?, segments?, attributes?}, counters?, limits?, coupons?, chances?, …}``."""
    member = facts.member
    known = member and said(
        status=member.status,
        tier=member.tier,
        staff=member.staff or None,
        segments=list(member.segments),
        attributes=dict(member.attributes),
        no_gifts=member.no_gifts or None,
        no_profiling=member.no_profiling or None,
    )
    return said(
        e=ENGINE,
        member=known,
        counters=dict(facts.counters),
        limits=dict(facts.limits),
        coupons=dict(facts.coupons),
        chances=chances_to_json(facts.chances),
        withheld=list(facts.withheld),
        no_reward=dict(facts.no_reward),
    )


def facts_from_json(document: Mapping[str, Any]) -> Facts:
    """The facts that ``facts_to_json`` wrote. Raises ``UnknownEngine``."""
    ensure_known(document)
    known = document.get("member")
    member = None
    if known is not None:
        member = Member(
            known["status"],
            known.get("tier"),
            known.get("staff", False),
            tuple(known.get("segments", ())),
            known.get("attributes", {}),
            known.get("no_gifts", False),
            known.get("no_profiling", False),
        )
    get = document.get
    return Facts(
        member,
        get("counters", {}),
        get("limits", {}),
        get("coupons", {}),
        chances_from_json(get("chances", {})),
        tuple(get("withheld", ())),
        get("no_reward", {}),
    )


# --- decisions -------------------------------------------------------------------------------------------


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _pairs(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple([(row[0], row[1]) for row in rows])


def _effect_to_json(effect: Effect) -> Document:
    rate = effect.rate
    return said(
        rule=effect.rule,
        kind=effect.kind,
        award=effect.award,
        desired=effect.desired,
        granted=effect.granted,
        shares=[list(share) for share in effect.shares],
        basis=effect.basis,
        rate=[rate.points, rate.per, rate.unit, rate.round, *([True] if rate.by_line else [])],
        available_at=_moment(effect.available_at),
        expires_at=_moment(effect.expires_at),
        sliding_months=effect.sliding_months,
        awaits=effect.awaits,
    )


def _effect_from_json(document: Mapping[str, Any]) -> Effect:
    get = document.get
    return Effect(
        document["rule"],
        document["award"],
        document["desired"],
        document["granted"],
        _pairs(get("shares", ())),
        document["basis"],
        Rate(*document["rate"]),
        _instant(get("available_at")),
        _instant(get("expires_at")),
        get("sliding_months"),
        document["kind"],
        get("awaits"),
    )


def decision_to_json(decision: Decision) -> Document:
    """``{e, version, at, effects?, reasons?, near_misses?, claims?, basis?, discounts?, coupons?, gifts?, taken?}``.

    Empty members are left out.
    """
    return said(
        e=decision.engine,
        version=decision.version,
        at=_moment(decision.at),
        effects=[_effect_to_json(effect) for effect in decision.effects],
        reasons=[
            {
                "rule": reason.rule,
                "outcome": reason.outcome,
                "code": reason.code,
                **said(numbers=dict(reason.numbers), by=reason.by),
            }
            for reason in decision.reasons
        ],
        near_misses=[{"rule": miss.rule, "missing": dict(miss.missing)} for miss in decision.near_misses],
        claims=[[claim.kind, claim.key, claim.amount] for claim in decision.claims],
        basis=[list(pair) for pair in decision.basis],
        discounts=discounts_to_json(decision.discounts),
        coupons=coupons_to_json(decision.coupons),
        gifts=gifts_to_json(decision.gifts),
        taken=[[claim.kind, claim.key, claim.amount] for claim in decision.taken],
    )


def decision_from_json(document: Mapping[str, Any]) -> Decision:
    """The decision that ``decision_to_json`` wrote. Raises ``UnknownEngine``."""
    ensure_known(document)
    get = document.get
    return Decision(
        document["version"],
        datetime.fromisoformat(document["at"]),
        tuple([_effect_from_json(effect) for effect in get("effects", ())]),
        tuple([Reason(**reason) for reason in get("reasons", ())]),
        tuple([NearMiss(**miss) for miss in get("near_misses", ())]),
        tuple([Claim(*claim) for claim in get("claims", ())]),
        _pairs(get("basis", ())),
        document["e"],
        tuple([discount_given(one) for one in get("discounts", ())]),
        tuple([coupon_given(one) for one in get("coupons", ())]),
        tuple([gift_given(one) for one in get("gifts", ())]),
        tuple([Claim(*claim) for claim in get("taken", ())]),
    )
