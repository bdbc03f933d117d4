"""What the page on gifts that no purchase brings claims is so."""

from __future__ import annotations

import json

import pytest

from loyalty_api.consent.api import GiftChoicesSchema
from loyalty_api.gifts.rules_types import ELSEWHERE
from loyalty_api.giving import rules
from loyalty_api.language import catalogue
from loyalty_api.rating.rules import check_document
from tests.docs import markdown

PAGE = markdown.read("docs/gifts-by-people.md")
PROGRAM, CHOICES = (json.loads(block.text) for block in markdown.blocks(PAGE, "json"))
# Kept with occasions and never told in words.
_OF_OCCASIONS = {"bought_since", "rule_ended"}


def test_the_program_of_the_page_is_valid_and_shows_every_trigger() -> None:
    assert check_document({"currency": "EUR", "time_zone": "Europe/Oslo", **PROGRAM}) == ()
    shown = {next(iter(rule["trigger"])) for rule in PROGRAM["gifts"]["rules"]}
    assert shown == ELSEWHERE


def test_what_a_member_chooses_is_written_like_that() -> None:
    assert GiftChoicesSchema().validate(CHOICES) == {}


def test_days_that_are_made_up_for_are_as_many_as_it_says() -> None:
    assert f"up to {rules.CATCH_UP_DAYS} of them" in PAGE


@pytest.mark.parametrize("row", markdown.table(PAGE, "trigger", "whose day it is", "one gift for each"))
def test_the_table_of_days_names_triggers(row: list[str]) -> None:
    assert markdown.code(row[0])[0] in rules.BY_TIME


@pytest.mark.parametrize("row", markdown.table(PAGE, "code", "stands against a gift"))
def test_every_code_has_its_words(row: list[str]) -> None:
    code = markdown.code(row[0])[0]
    assert code in _OF_OCCASIONS or catalogue("en").say("reason", code)
