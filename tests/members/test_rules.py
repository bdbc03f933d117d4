"""What a member may become, and how little of a person is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.errors import LoyaltyError
from loyalty_api.members.rules import (
    STATUSES,
    IdentifierKind,
    MemberBlocked,
    MemberClosed,
    Status,
    Step,
    ensure_may_get_identifier,
    full_name,
    masked_name,
    masked_value,
    name_words,
    next_status,
    walk_in_id,
)


@pytest.mark.parametrize(
    ("status", "step", "after"),
    [
        ("active", "block", "blocked"),
        ("active", "restrict", "earn_only"),
        ("earn_only", "block", "blocked"),
        ("blocked", "block", "blocked"),
        ("blocked", "unblock", "active"),
        ("earn_only", "unblock", "active"),
        ("blocked", "close", "closed"),
        ("closed", "close", "closed"),
    ],
)
def test_a_step_leads_to_a_status(status: Status, step: Step, after: Status) -> None:
    assert next_status(status, step) == after


@pytest.mark.parametrize("status", ["closed", "erased"])
@pytest.mark.parametrize("step", ["block", "restrict", "unblock"])
def test_a_membership_that_ended_does_not_come_back(status: Status, step: Step) -> None:
    with pytest.raises(MemberClosed):
        next_status(status, step)


def test_an_erased_member_cannot_be_closed_into_something_less() -> None:
    with pytest.raises(MemberClosed):
        next_status("erased", "close")


@pytest.mark.parametrize("status", STATUSES)
def test_only_members_in_good_standing_get_something_new_to_identify_with(status: Status) -> None:
    refused: dict[Status, type[LoyaltyError]] = {
        "blocked": MemberBlocked,
        "closed": MemberClosed,
        "erased": MemberClosed,
    }
    if status in refused:
        with pytest.raises(refused[status]):
            ensure_may_get_identifier(status)
    else:
        ensure_may_get_identifier(status)


@pytest.mark.parametrize(
    ("given_name", "family_name", "masked"),
    [
        ("Kari", "Nordmann", "K. N***"),
        ("Kari", None, "K***"),
        (None, "Nordmann", "N***"),
        ("Åse", "Østby", "Å. Ø***"),
        (None, None, None),
    ],
)
def test_a_till_sees_initials(given_name: str | None, family_name: str | None, masked: str | None) -> None:
    assert masked_name(given_name, family_name) == masked


@given(st.text(min_size=2), st.text(min_size=2))
def test_a_masked_name_never_holds_more_than_two_letters_of_it(given_name: str, family_name: str) -> None:
    assert masked_name(given_name, family_name) == f"{given_name[0]}. {family_name[0]}***"


def test_a_full_name_leaves_out_what_is_not_known() -> None:
    assert full_name("Kari", "Nordmann") == "Kari Nordmann"
    assert full_name(None, "Nordmann") == "Nordmann"
    assert full_name(None, None) is None


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        ("card", "9048213377015544567", "…4567"),
        ("card", "AB12", "…2"),
        ("phone", "+4722123456", "+47…56"),
        ("email", "kari@example.no", "k***@example.no"),
        ("subject", "https://idp.example|auth0|42", "https://idp.example|…"),
    ],
)
def test_an_identifier_is_shown_so_that_only_its_owner_knows_it(
    kind: IdentifierKind, value: str, masked: str
) -> None:
    assert masked_value(kind, value) == masked


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Kari  Nordmann-Åsen", {"kari", "nordmann", "asen"}),
        ("ØSTBY", {"ostby"}),
        ("O'Brien", {"o", "brien"}),
        ("Straße", {"strasse"}),
        ("Élodie", {"elodie"}),
        ("Ольга", {"ольга"}),
        ("…", set()),
    ],
)
def test_names_are_found_without_case_accents_and_punctuation(name: str, words: set[str]) -> None:
    assert name_words(name) == words


@given(st.text())
def test_the_words_of_a_name_are_the_words_of_its_words(name: str) -> None:
    words = name_words(name)
    assert name_words(*words) == words


def test_a_store_has_one_walk_in_account() -> None:
    assert walk_in_id("str_1") == walk_in_id("str_1")
    assert walk_in_id("str_1") != walk_in_id("str_2")
