"""A quote in words: what was applied, what was not and why, what was close, and what to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.language import catalogue
from loyalty_api.promotions.rules_types import InSets
from loyalty_api.purchases.answers import SPOKEN
from loyalty_api.purchases.answers_gifts import gifts_in_quote
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.rating.rules import Program
from loyalty_api.rating.words import discount_text, effect_text, near_miss_text, reason_text, rule_name
from loyalty_api.rulekit.decision import Decision, Discount, Effect, NearMiss


def told(
    decision: Decision | None,
    program: Program | None,
    body: Mapping[str, Any],
    *,
    odd: Sequence[Discrepancy],
    known: bool,
) -> dict[str, Any]:
    """Effects, reasons, near misses and suggestions with their words, what the cashier should hear, what to print.

    ``known`` says whether there is a member, whose points are printed.
    """
    language = body.get("language") or body.get("receipt", {}).get("language") or "en"
    currency, wanted, words = body["currency"], body.get("include", ()), catalogue(language)
    reasons = decision.reasons if decision and "reasons" in wanted else ()
    near = decision.near_misses if decision and "near_misses" in wanted else ()
    return {
        "effects": _effects(decision, currency, language),
        "reasons": [
            {
                "rule": reason.rule,
                "outcome": reason.outcome,
                "code": reason.code,
                "by": reason.by,
                "text": reason_text(reason, currency=currency, language=language),
            }
            for reason in reasons
        ],
        "near_misses": [_near(miss, program, currency, language) for miss in near],
        "suggestions": _suggestions(decision, program),
        "gifts": gifts_in_quote(decision, program, language),
        "messages": [
            {"audience": "cashier", "text": words.say("receipt", one["code"])}
            for one in odd
            if one["code"] in SPOKEN
        ],
        "receipt_lines": receipt_lines(decision, program, currency=currency, language=language)
        + (_points_line(decision, language) if known else []),
    }


def _effects(decision: Decision | None, currency: str, language: str) -> list[dict[str, Any]]:
    """The discounts first, as they came first, then the points."""
    if decision is None:
        return []
    off = [
        {
            **discount_effect(discount),
            "text": discount_text(discount, currency=currency, language=language),
        }
        for discount in decision.discounts
    ]
    return [*off, *[_points_effect(effect, currency, language) for effect in decision.effects]]


def discount_effect(discount: Discount) -> dict[str, Any]:
    """A discount among the effects of an answer: what was taken off by line, in minor units."""
    return {
        "rule": discount.rule,
        "kind": "discount",
        "desired": discount.desired,
        "granted": discount.granted,
        "amounts": dict(discount.shares),
        "lines": [line_id for line_id, _ in discount.shares],
    }


def _points_effect(effect: Effect, currency: str, language: str) -> dict[str, Any]:
    return {
        "rule": effect.rule,
        "kind": effect.kind,
        "desired": effect.desired,
        "granted": effect.granted,
        "points": dict(effect.shares),
        "lines": [line_id for line_id, _ in effect.shares],
        "text": effect_text(effect, currency=currency, language=language),
    }


def _near(miss: NearMiss, program: Program | None, currency: str, language: str) -> dict[str, Any]:
    names = program.names if program else {}
    promotion = program.promotions.numbered(miss.rule) if program and program.promotions else None
    of = "near_discount" if promotion else "near_miss"
    text = near_miss_text(miss, currency=currency, names=names, language=language, of=of)
    return {"rule": miss.rule, "missing": dict(miss.missing), "text": text}


def _suggestions(decision: Decision | None, program: Program | None) -> list[dict[str, Any]]:
    """Products that the till may put into the basket, because a promotion would then lower their price."""
    if decision is None or program is None or program.promotions is None:
        return []
    found = []
    for miss in [miss for miss in decision.near_misses if "added" in miss.missing]:
        promotion = program.promotions.numbered(miss.rule)
        if promotion and isinstance(promotion.benefit, InSets):
            add = {"sku": promotion.benefit.added, "quantity": miss.missing["added"]}
            found.append({"rule": miss.rule, "add": add})
    return found


def receipt_lines(
    decision: Decision | None, program: Program | None, *, currency: str, language: str
) -> list[dict[str, str]]:
    """One line for each promotion that took something off, by its name: ``Tea: 3 for 2   -10.00``."""
    if decision is None:
        return []
    words, names = catalogue(language), program.names if program else {}
    return [
        {
            "text": rule_name(discount.rule, names=names, language=language),
            "value": words.money(-discount.granted, currency),
            "align": "left",
            "style": "normal",
        }
        for discount in decision.discounts
        if discount.granted
    ]


def _points_line(decision: Decision | None, language: str) -> list[dict[str, str]]:
    points = decision.points() if decision else 0
    text = catalogue(language).say("receipt", "quoted")
    return [{"text": text, "value": str(points), "align": "left", "style": "normal"}]
