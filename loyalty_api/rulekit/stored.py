"""Baskets, facts and decisions as plain dicts and lists, the form in which a purchase keeps them.

Members at their default are left out, so that a stored line costs only what it says. Every document carries
the engine number ``e`` it was written by; documents of an engine we do not know are refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loyalty_api.errors import LoyaltyError
from loyalty_api.rulekit.basket import NO_PATH, Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import (
    ENGINE,
    READABLE,
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
from loyalty_api.rulekit.stored_gifts import chances_from_json, chances_to_json, gift_given, gifts_to_json

Document = dict[str, Any]


class UnknownEngine(LoyaltyError):
    """A stored document was written by an evaluation this release does not have."""

    code, title = "engine_unknown", "This purchase was rated by a release that is not installed here"


def _known(document: Mapping[str, Any]) -> None:
    if document.get("e") not in READABLE:
        raise UnknownEngine(f"Engine {document.get('e')!r} is not known here.")


def _said(**members: Any) -> Document:
    """The members that say something: not None, not empty. Zero, False and the empty text do."""
    return {name: value for name, value in members.items() if value or isinstance(value, (int, str))}


# --- baskets ---------------------------------------------------------------------------------------------


def discount_from_json(document: Mapping[str, Any]) -> LineDiscount:
    """A discount from ``{source, amount, kind?, promotion_id?, basket_wide?}``."""
    return LineDiscount(**document)


def line_from_json(document: Mapping[str, Any]) -> Line:
    """A line from ``{line_id, amount, …}``, named as in ``Line``; lists stand for tuples."""
    get = document.get
    discounts, category = get("discounts"), get("category")
    return Line(
        document["line_id"],
        document["amount"],
        get("sku"),
        get("quantity", 1),
        get("unit", "each"),
        get("type", "goods"),
        tuple([LineDiscount(**discount) for discount in discounts]) if discounts else (),
        tuple(category) if category else NO_PATH,
        get("department"),
        get("brand"),
        get("legal_class"),
        get("tax_rate"),
        get("cost"),
        tuple(get("tags") or ()),
    )


def basket_from_json(document: Mapping[str, Any]) -> Basket:
    """The basket that ``basket_to_json`` wrote. Raises ``UnknownEngine``."""
    _known(document)
    get = document.get
    return Basket(
        document["store"],
        document["currency"],
        tuple([line_from_json(line) for line in document["lines"]]),
        tuple([Payment(**payment) for payment in get("payments", ())]),
        get("kind", "sale"),
        get("channel", "store"),
        get("tax_included", True),
        get("time_zone"),
        get("pricing", "settled"),
        tuple(get("coupons", ())),
    )


def line_to_json(line: Line) -> Document:
    """A line as a dict, members at their default left out."""
    document = _said(
        line_id=line.line_id,
        amount=line.amount,
        sku=line.sku,
        discounts=[_discount_to_json(discount) for discount in line.discounts],
        category=list(line.category),
        department=line.department,
        brand=line.brand,
        legal_class=line.legal_class,
        tax_rate=line.tax_rate,
        cost=line.cost,
        tags=list(line.tags),
    )
    if line.quantity != 1:
        document["quantity"] = line.quantity
    if line.unit != "each":
        document["unit"] = line.unit
    if line.type != "goods":
        document["type"] = line.type
    return document


def _discount_to_json(discount: LineDiscount) -> Document:
    return _said(
        source=discount.source,
        amount=discount.amount,
        kind=discount.kind,
        promotion_id=discount.promotion_id,
        basket_wide=discount.basket_wide or None,
    )


def basket_to_json(basket: Basket) -> Document:
    """``{e, store, currency, lines: […], …}``, members at their default left out."""
    document = _said(
        store=basket.store,
        currency=basket.currency,
        payments=[
            _said(kind=payment.kind, amount=payment.amount, redemption_id=payment.redemption_id)
            for payment in basket.payments
        ],
        kind=None if basket.kind == "sale" else basket.kind,
        channel=None if basket.channel == "store" else basket.channel,
        tax_included=None if basket.tax_included else False,
        time_zone=basket.time_zone,
        pricing=None if basket.pricing == "settled" else basket.pricing,
        coupons=list(basket.coupons),
    )
    return {"e": ENGINE, **document, "lines": [line_to_json(line) for line in basket.lines]}


# --- facts -----------------------------------------------------------------------------------------------


def facts_to_json(facts: Facts) -> Document:
    """``{e, member?: {status, tier?, staff?, segments?, attributes?}, counters?, limits?, coupons?, chances?, …}``."""
    member = facts.member
    known = member and _said(
        status=member.status,
        tier=member.tier,
        staff=member.staff or None,
        segments=list(member.segments),
        attributes=dict(member.attributes),
        no_gifts=member.no_gifts or None,
        no_profiling=member.no_profiling or None,
    )
    return _said(
        e=ENGINE,
        member=known,
        counters=dict(facts.counters),
        limits=dict(facts.limits),
        coupons=dict(facts.coupons),
        chances=chances_to_json(facts.chances),
        withheld=list(facts.withheld),
    )


def facts_from_json(document: Mapping[str, Any]) -> Facts:
    """The facts that ``facts_to_json`` wrote. Raises ``UnknownEngine``."""
    _known(document)
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
    return _said(
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
    return _said(
        e=decision.engine,
        version=decision.version,
        at=_moment(decision.at),
        effects=[_effect_to_json(effect) for effect in decision.effects],
        reasons=[
            {
                "rule": reason.rule,
                "outcome": reason.outcome,
                "code": reason.code,
                **_said(numbers=dict(reason.numbers), by=reason.by),
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
    _known(document)
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
