"""The gifts of a purchase in its answer, on its receipt and in the cashier's ear.

What somebody hands over at the counter is told there; what a member opens in an app stays a surprise until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.language import Catalogue
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import in_words
from loyalty_api.rulekit.decision import Decision

Shown = Mapping[str, Any]


def gift_answer(gift: Shown, language: str) -> dict[str, Any]:
    """A gift in the answer: what it is only where somebody hands it over."""
    goods = gift["give"] if gift["at_counter"] else {}
    return {
        "gift_id": gift["gift_id"],
        "rule": gift["rule"],
        "kind": gift["kind"],
        "state": gift["state"],
        "name": name_of(gift, language) if gift["at_counter"] else None,
        "sku": goods.get("sku"),
        "quantity": goods.get("quantity"),
        "expires_at": gift["expires_at"],
    }


def name_of(gift: Shown, language: str) -> str:
    """What goods are called: their own words, the rule's name, or their sku."""
    words = gift["give"].get("text") or gift.get("name") or {}
    return in_words(words, language) or gift["give"].get("sku") or gift["rule"]


def gift_lines(gifts: Sequence[Shown], words: Catalogue) -> list[dict[str, str]]:
    """One line for each gift that is handed over, and one for all that wait to be opened."""
    told = [
        _line(words.say("receipt", "gift"), name_of(gift, words.language))
        for gift in gifts
        if gift["at_counter"]
    ]
    waiting = len(gifts) - len(told)
    return [*told, _line(words.say("receipt", "gifts_waiting"), str(waiting))] if waiting else told


def gift_messages(gifts: Sequence[Shown], words: Catalogue) -> list[dict[str, str]]:
    """What the cashier is asked to hand over now."""
    return [
        {"audience": "cashier", "text": words.say("receipt", "hand_over", name=name_of(gift, words.language))}
        for gift in gifts
        if gift["at_counter"] and gift["state"] == "granted"
    ]


def gifts_in_quote(decision: Decision | None, program: Program | None, language: str) -> list[dict[str, Any]]:
    """The free items that go with a basket: nothing else is told before the sale, and nothing is drawn (R56)."""
    gifts = program.gifts if program else None
    found = []
    for one in decision.gifts if decision and gifts else ():
        rule = gifts.numbered(one.rule) if gifts else None
        if rule is not None and one.trigger == "purchase" and one.kind == "free_item":
            shown = {"give": rule.give.document(), "name": rule.name, "rule": one.rule}
            found.append(
                {
                    "rule": one.rule,
                    "name": name_of(shown, language),
                    "sku": rule.give.sku,
                    "quantity": rule.give.quantity,
                    "lines": list(one.lines),
                }
            )
    return found


def _line(text: str, value: str) -> dict[str, str]:
    return {"text": text, "value": value, "align": "left", "style": "normal"}
