"""A quote in words: what was applied, what was not and why, what was close, and what to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.language import catalogue
from loyalty_api.promotions.rules_types import InSets
from loyalty_api.purchases.answers import SPOKEN
from loyalty_api.purchases.answers_gifts import gifts_in_quote
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.purchases.suggesting import Suggested
from loyalty_api.purchases.suggesting import told as told_with
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import discount_text, effect_text, near_miss_text, reason_text, rule_name
from loyalty_api.rulekit.decision import Decision, Discount, Effect, NearMiss


def told(
    decision: Decision | None,
    program: Program | None,
    body: Mapping[str, Any],
    *,
    odd: Sequence[Discrepancy],
    known: bool,
    suggested: Sequence[Suggested] = (),
) -> dict[str, Any]:
    """Effects, reasons, near misses and suggestions with their words, what the cashier should hear, what to print.

    ``known`` says whether there is a member, whose points are printed; ``suggested`` what goes with the basket.
    """
    language = body.get("language") or body.get("receipt", {}).get("language") or "en"
    currency, wanted, words = body["currency"], body.get("include", ()), catalogue(language)
    reasons = decision.reasons if decision and "reasons" in wanted else ()
    near = decision.near_misses if decision and "near_misses" in wanted else ()
    gifts = gifts_in_quote(decision, program, language)
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
        "near_misses": _near(near, program, currency, language),
        "suggestions": _free(_suggestions(decision, program, suggested, language), gifts),
        "gifts": gifts,
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


def _near(
    near: Sequence[NearMiss], program: Program | None, currency: str, language: str
) -> list[dict[str, Any]]:
    promotions = program.promotions if program else None
    names = program.names if program else {}
    told = []
    for miss in near:
        of = "near_discount" if promotions and promotions.numbered(miss.rule) else "near_miss"
        text = near_miss_text(miss, currency=currency, names=names, language=language, of=of)
        told.append({"rule": miss.rule, "missing": dict(miss.missing), "text": text})
    return told


def _suggestions(
    decision: Decision | None, program: Program | None, suggested: Sequence[Suggested], language: str
) -> list[dict[str, Any]]:
    """Products that a promotion is waiting for, then what goes with the basket; no product twice."""
    if decision is None or program is None:
        return []
    found = [_waited_for(miss, program, language) for miss in decision.near_misses if _added(miss, program)]
    named = {one["add"]["sku"] for one in found}
    return found + [one for one in told_with(suggested, language) if one["add"]["sku"] not in named]


def _free(found: list[dict[str, Any]], gifts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The suggestions, each with the gift that this basket brings and that is the same product."""
    given = {gift["sku"]: gift["rule"] for gift in reversed(gifts)}
    return [{**one, "gift": given.get(one["add"]["sku"])} for one in found]


def _added(miss: NearMiss, program: Program) -> str | None:
    """The product that a promotion puts into the basket, where nothing else is missing."""
    if "added" not in miss.missing or program.promotions is None:
        return None
    promotion = program.promotions.numbered(miss.rule)
    return promotion.benefit.added if promotion and isinstance(promotion.benefit, InSets) else None


def _waited_for(miss: NearMiss, program: Program, language: str) -> dict[str, Any]:
    return {
        "kind": "promotion",
        "rule": miss.rule,
        "add": {"sku": _added(miss, program), "quantity": miss.missing["added"]},
        "name": None,
        "because": None,
        "text": rule_name(miss.rule, names=program.names, language=language),
    }


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
