"""What lint found, in a sentence of the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.language import catalogue
from loyalty_api.publishing.rules_lint_types import Finding
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import Names, rule_name
from loyalty_api.rulekit.stored import facts_to_json
from loyalty_api.rulekit.stored_baskets import basket_to_json

_WHY = {
    **dict.fromkeys(("store", "channel", "payment", "coupon", "segment", "tier", "staff"), "contradiction"),
    **dict.fromkeys(("products", "enrolment", "search"), "contradiction"),
    "bounds": "amounts",
}
_MOST_NAMED = 8


def sentence(finding: Finding, *, currency: str, names: Names, language: str) -> str:
    """The finding in words: names of rules, money, points and days as people write them."""
    words = catalogue(language)
    numbers: Mapping[str, int] = finding.numbers
    named = [rule_name(rule, names=names, language=language) for rule in finding.rules]
    more = ["…"] if len(named) > _MOST_NAMED else []
    said: dict[str, Any] = {
        "rules": ", ".join([*named[:_MOST_NAMED], *more]),
        "searched": str(finding.searched),
        **finding.words,
    }
    for name, number in numbers.items():
        if name.endswith("_money"):
            said[name.removesuffix("_money")] = words.money(number, currency)
        elif name in ("points", "more_points", "cap"):
            said[name.removesuffix("_points")] = words.points(number)
        else:
            said[name] = str(number)
    if "why" in said:
        why = said["why"]
        said["why"] = words.say("lint_why", _WHY.get(why, why))
    return words.say("lint", finding.code, **said)


def severity(finding: Finding, *, language: str) -> str:
    """How heavy it is, in a word."""
    return catalogue(language).say("severity", finding.severity)


def witness(finding: Finding, *, currency: str, language: str) -> list[str]:
    """The sales that show it, a line each: when, for how much, and how many points."""
    words = catalogue(language)
    return [
        f"{sale.at.isoformat(sep=' ', timespec='minutes')}  {words.money(sale.paid, currency)}: {words.points(points)}"
        for sale, points in zip(finding.witness, finding.points, strict=True)
    ]


def shown(finding: Finding, program: Program, *, language: str) -> dict[str, Any]:
    """The finding as a document; baskets and facts in the form in which rating stores them."""
    said = sentence(finding, currency=program.settings.currency, names=program.names, language=language)
    sales = zip(finding.witness, finding.points, strict=True)
    return {
        "code": finding.code,
        "severity": finding.severity,
        "rules": list(finding.rules),
        "text": said,
        "searched": finding.searched,
        "witness": [
            {
                "at": sale.at,
                "points": points,
                "basket": basket_to_json(sale.basket),
                "facts": facts_to_json(sale.facts),
            }
            for sale, points in sales
        ],
    }
