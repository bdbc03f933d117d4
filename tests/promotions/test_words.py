"""What stacking and cents say of themselves, in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loyalty_api import promotions
from loyalty_api.language import languages
from loyalty_api.rating.words import discount_text, near_miss_text, reason_text
from loyalty_api.rulekit.decision import Discount, NearMiss, Reason

NUMBERS = {
    "minimum": 5000, "amount": 4000, "best": 900, "desired": 700, "granted": 500, "least": 3, "found": 2,
    "days": 2,
}  # fmt: skip
SOURCES = "".join(path.read_text() for path in Path(promotions.__path__[0]).glob("rules*.py"))
CODES = sorted(
    set(re.findall(r'(?:_nothing|_skipped)\(rule, "(\w+)"', SOURCES))
    | set(re.findall(r'(?:Failure|fails)\("(\w+)"', SOURCES))
    | set(re.findall(r'"(capped_discount|\w+_reached|\w+_used_up)"', SOURCES))
)


@pytest.mark.parametrize("language", languages())
def test_every_reason_is_a_sentence(language: str) -> None:
    assert len(CODES) > 12
    for code in CODES:
        said = reason_text(Reason("tea", "skipped", code, NUMBERS), currency="NOK", language=language)
        assert said != code
        assert "{" not in said


@pytest.mark.parametrize("language", languages())
def test_an_end_is_told_in_money_or_in_times_and_what_was_cut(language: str) -> None:
    for code in ("budget_used_up", "limit_reached"):
        said = {
            reason_text(Reason("tea", "capped", code, numbers), currency="NOK", language=language)
            for numbers in ({"amount": 500}, {"times": 2}, {"desired": 700, "granted": 500})
        }
        assert len(said) == 3
        assert not any("{" in one or one == code for one in said)


@pytest.mark.parametrize("language", languages())
def test_what_is_missing_is_a_sentence_of_discounts(language: str) -> None:
    for measure in ("amount", "pieces", "purchases", "weeks", "added"):
        miss = NearMiss("tea", {measure: 2})
        said = near_miss_text(miss, currency="NOK", names={}, language=language, of="near_discount")
        assert "tea" in said
        assert "2" in said


def test_money_is_written_as_the_reader_writes_it() -> None:
    better = Reason("tea", "skipped", "better_discount", {"amount": 500, "best": 1250}, "milk")
    assert reason_text(better, currency="NOK", language="nb") == (
        "Bare én av disse kampanjene teller, og en annen ga mer: 12,50 kr i stedet for 5,00 kr."
    )
    given = Discount("tea", "line", "percent", 500, 500, (("1", 500),))
    assert discount_text(given, currency="NOK", language="en") == "5.00 NOK off"
