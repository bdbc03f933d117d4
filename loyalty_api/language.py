"""The words of one language, read from its file; adding a language is adding a file.

A catalogue holds templates by section and key, the marks of numbers, patterns of money by currency (``*`` for
the rest) and the name of its plural rule. A template whose words follow a number has a form for each of the rule's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from loyalty_api.rulekit import money
from loyalty_api.rulekit.decision import Rate

DEFAULT_LANGUAGE = "en"

ALIKE = {"no": "nb", "nn": "nb"}
"""Languages whose readers are best served in one that there is a catalogue for."""


def _one_few_many(number: int) -> str:
    """Russian: the last digit says it, except between 11 and 14."""
    if number % 10 == 1 and number % 100 != 11:
        return "one"
    return "few" if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else "many"


PLURALS: Mapping[str, Callable[[int], str]] = {
    "one_other": lambda number: "one" if number == 1 else "other",
    "one_few_many": _one_few_many,
}
"""Plural rules by name: a number that is not negative to the form of the word that goes with it (CLDR's names)."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The templates of one language and how it writes numbers."""

    language: str
    entries: Mapping[str, Any]

    def say(self, section: str, key: str, *, count: int = 0, **values: str) -> str:
        """The template at a place, filled in; ``count`` is the number whose word it bends.

        A key the catalogue lacks is said as it is.
        """
        template: str | Mapping[str, str] = self.entries[section].get(key, key)
        if not isinstance(template, str):
            template = self._form(template, count)
        return template.format(**values)

    def money(self, amount: int, currency: str) -> str:
        """An amount in minor units with its currency: ``2,10 kr``."""
        before, after = _around(self.language, currency)
        digits = money.written(amount, currency, decimal=self.entries["decimal"], group=self.entries["group"])
        return f"{before}{digits}{after}"

    def points(self, number: int) -> str:
        """A number of points: ``1 point``, ``1,243 points``."""
        return self._counted(self._form(self.entries["points"], number), number)

    def quantity(self, number: int, unit: str) -> str:
        """A quantity in a line's unit: ``734 g``."""
        return self._counted(self.entries["unit"][unit], number)

    def day(self, day: date) -> str:
        """A date as the language writes it: ``5.12.2026``."""
        pattern: str = self.entries["date"]
        return pattern.format(year=day.year, month=day.month, day=day.day)

    def _form(self, forms: Mapping[str, str], number: int) -> str:
        return forms[PLURALS[self.entries["plural"]](abs(number))]

    def _counted(self, template: str, number: int) -> str:
        return template.format(n=money.grouped(number, self.entries["group"]))


@cache
def languages() -> tuple[str, ...]:
    """The languages there is a catalogue for."""
    files = resources.files("loyalty_api") / "catalogues"
    return tuple(sorted(file.name[:-5] for file in files.iterdir() if file.name.endswith(".json")))


def nearest(tag: str) -> str | None:
    """The language that a tag is best answered in (``nb-NO`` is ``nb``, and so is ``nn``); None where there is none."""
    short = tag.split("-", maxsplit=1)[0].lower()
    short = ALIKE.get(short, short)
    return short if short in languages() else None


@lru_cache(maxsize=256)
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language tag; English where there is none."""
    return _read(nearest(language) or DEFAULT_LANGUAGE)


@cache
def _read(language: str) -> Catalogue:
    file = resources.files("loyalty_api") / "catalogues" / f"{language}.json"
    return Catalogue(language, json.loads(file.read_text(encoding="utf-8")))


@lru_cache(maxsize=256)
def _around(language: str, currency: str) -> tuple[str, str]:
    """What a language writes before and behind an amount of a currency: read once, since receipts are full of money."""
    patterns: Mapping[str, str] = _read(language).entries["money"]
    before, _, after = patterns.get(currency, patterns["*"]).partition("{amount}")
    return before.format(currency=currency), after.format(currency=currency)


def rate_text(rate: Rate, basis: int, *, currency: str, words: Catalogue) -> str:
    """How a rate turned ``basis`` into points: ``1 point for each whole 1.00 NOK of 50.00 NOK``."""
    points = words.points(rate.points)
    if rate.unit == "basket":
        return words.say("rate", "basket", points=points)
    if rate.unit == "event":
        return words.say("rate", "event", points=points)
    if rate.unit == "line":
        return words.say("rate", "line", count=basis, points=points, lines=str(basis))
    if rate.unit == "points":
        more = factor_text(rate.points, rate.per, decimal=words.entries["decimal"])
        return words.say("rate", "points", more=more, basis=words.points(basis))
    if rate.unit == "step":
        per, of = words.money(rate.per, currency), words.money(basis, currency)
        return words.say("rate", "step", points=points, per=per, basis=of)
    per, of = _measure(words, rate.per, rate.unit, currency), _measure(words, basis, rate.unit, currency)
    text = words.say("rate", rate.round, points=points, per=per, basis=of)
    return words.say("rate", "by_line", text=text) if rate.by_line else text


def factor_text(numerator: int, denominator: int, *, decimal: str) -> str:
    """A factor of at most four decimals as digits: 1, 2 → ``0.5``."""
    whole, rest = divmod(numerator * 10_000 // denominator, 10_000)
    digits = f"{rest:04}".rstrip("0")
    return f"{whole}{decimal}{digits}" if digits else str(whole)


def _measure(words: Catalogue, number: int, unit: str, currency: str) -> str:
    return words.money(number, currency) if unit == "amount" else words.quantity(number, unit)
