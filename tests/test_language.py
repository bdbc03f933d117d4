"""Every language says the same, in its own marks, plurals and dates; CLDR is asked what those are."""

from __future__ import annotations

import json
from datetime import date
from importlib import resources
from string import Formatter
from typing import Any

import pytest
from babel import Locale

from loyalty_api.language import ALIKE, DEFAULT_LANGUAGE, PLURALS, catalogue, languages, rate_text
from loyalty_api.rating.words import near_miss_text, reason_text
from loyalty_api.rulekit.decision import NearMiss, Rate, Reason

OTHERS = tuple(language for language in languages() if language != DEFAULT_LANGUAGE)


def read(language: str) -> dict[str, Any]:
    file = resources.files("loyalty_api") / "catalogues" / f"{language}.json"
    entries: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return entries


def templates(language: str) -> dict[str, list[str]]:
    """Every sentence by its place, with all the forms that it has."""
    entries = read(language)
    return {
        f"{section}.{key}": [template] if isinstance(template, str) else list(template.values())
        for section, found in entries.items()
        if isinstance(found, dict) and section not in ("money", "points")
        for key, template in found.items()
    }


def named(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_these_are_the_languages() -> None:
    assert languages() == ("da", "en", "fi", "nb", "ru", "sv")


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_all_that_english_says_with_the_same_numbers(language: str) -> None:
    english, other = templates("en"), templates(language)
    theirs = {key for key in other if not key.startswith("problem.")}
    assert theirs == english.keys()
    for key, forms in english.items():
        assert {frozenset(named(form)) for form in [*forms, *other[key]]} == {frozenset(named(forms[0]))}, key


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_the_same_problems(language: str) -> None:
    problems = read("nb")["problem"]
    said = read(language)["problem"]
    assert said.keys() == problems.keys()
    assert {key: named(text) for key, text in said.items()} == {
        key: named(text) for key, text in problems.items()
    }


@pytest.mark.parametrize("language", languages())
def test_what_bends_with_a_number_has_the_forms_that_the_language_has(language: str) -> None:
    entries = read(language)
    rule = PLURALS[entries["plural"]]
    forms = {rule(number) for number in range(200)}
    bending = [entries["points"]]
    for section in (found for found in entries.values() if isinstance(found, dict)):
        bending += [template for template in section.values() if isinstance(template, dict)]
    assert all(template.keys() == forms for template in bending)


@pytest.mark.parametrize("language", languages())
def test_plurals_and_marks_are_those_of_unicode(language: str) -> None:
    locale, entries = Locale(language), read(language)
    rule, theirs = PLURALS[entries["plural"]], locale.plural_form
    assert [rule(n) for n in range(1200)] == [theirs(n) for n in range(1200)]
    marks = locale.number_symbols["latn"]
    assert entries["decimal"] == marks["decimal"]
    assert entries["group"].replace(" ", "\u00a0") == marks["group"].replace("\u202f", "\u00a0")


@pytest.mark.parametrize(
    ("language", "currency", "money", "points", "day"),
    [
        ("en", "GBP", "12,345.60 GBP", ["1 point", "3 points", "1,205 points"], "2026-12-05"),
        ("nb", "NOK", "12 345,60 kr", ["1 poeng", "3 poeng", "1 205 poeng"], "5.12.2026"),
        ("da", "DKK", "12.345,60 kr.", ["1 point", "3 point", "1.205 point"], "5.12.2026"),
        ("sv", "SEK", "12 345,60 kr", ["1 poäng", "3 poäng", "1 205 poäng"], "2026-12-05"),
        ("fi", "EUR", "12 345,60 €", ["1 piste", "3 pistettä", "1 205 pistettä"], "5.12.2026"),
        ("ru", "RUB", "12 345,60 ₽", ["1 балл", "3 балла", "1 205 баллов"], "05.12.2026"),
    ],
)
def test_money_points_and_days_are_written_as_the_language_writes_them(
    language: str, currency: str, money: str, points: list[str], day: str
) -> None:
    words = catalogue(language)
    # Thousands are kept together by a space that does not break.
    written = [words.money(1234560, currency), *(words.points(n) for n in (1, 3, 1205))]
    assert [text.replace("\u00a0", " ") for text in written] == [money, *points]
    assert words.day(date(2026, 12, 5)) == day


def test_russian_bends_by_the_last_digits() -> None:
    said = [catalogue("ru").points(n).split()[1] for n in (0, 1, 2, 5, 11, 12, 14, 21, 22, 25, 101, 111, -1)]
    assert said == [
        "баллов", "балл", "балла", "баллов", "баллов", "баллов", "баллов", "балл", "балла", "баллов", "балл",
        "баллов", "балл",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "one", "more"),
    [
        ("en", "1 purchase more and Weekend gives points.", "The last purchase was 3 days ago."),
        ("nb", "1 handel til, så gir Weekend poeng.", "Forrige handel var for 3 dager siden."),
        ("da", "1 køb mere, så giver Weekend point.", "Det forrige køb var for 3 dage siden."),
        ("sv", "1 köp till, så ger Weekend poäng.", "Det förra köpet var för 3 dagar sedan."),
        ("fi", "Vielä 1 ostos, niin pisteitä kertyy: Weekend.", "Edellisestä ostoksesta oli 3 päivää."),
        ("ru", "Ещё 1 покупка, и баллы даст «Weekend».", "Прошлая покупка была 3 дня назад."),
    ],
)
def test_sentences_bend_with_their_number(language: str, one: str, more: str) -> None:
    names, how = {"r": {"*": "Weekend"}}, {"currency": "NOK", "language": language}
    assert near_miss_text(NearMiss("r", {"purchases": 1}), names=names, **how) == one
    assert reason_text(Reason("r", "not_applicable", "other_absence", {"days": 3}), **how) == more
    assert rate_text(Rate(2, 1, "line"), 1, currency="NOK", words=catalogue(language)).count("1") == 1


def test_a_tag_is_read_by_its_language_and_an_unknown_one_is_answered_in_english() -> None:
    asked = ("nb-NO", "no", "nn-NO", "da-DK", "ru", "FI", "tlh", "")
    assert [catalogue(tag).language for tag in asked] == ["nb", "nb", "nb", "da", "ru", "fi", "en", "en"]
    assert set(ALIKE.values()) <= set(languages())
