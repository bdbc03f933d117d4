"""One spelling for each identifier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.members.normal import BadIdentifier, normalise
from loyalty_api.members.rules import IdentifierKind


@pytest.mark.parametrize(
    ("kind", "written", "spelling"),
    [
        ("card", "2609 0012 3456 7", "2609001234567"),
        ("card", "ab-12-cd", "AB12CD"),
        ("app_code", "k7q2-9f4m", "K7Q29F4M"),
        ("phone", "+47 22 12 34 56", "+4722123456"),
        ("phone", "+44 (0)20 7946 0958", "+442079460958"),
        ("phone", "+46701234567", "+46701234567"),
        ("email", "Kari.Nordmann@Example.NO", "kari.nordmann@example.no"),
        ("email", "ü@BÜCHER.example", "ü@bücher.example"),
        ("payment_card", "tok_1JqX-9/aB=", "tok_1JqX-9/aB="),
        ("subject", "https://idp.example|auth0|42", "https://idp.example|auth0|42"),
    ],
)
def test_however_it_is_written_it_is_one_identifier(
    kind: IdentifierKind, written: str, spelling: str
) -> None:
    assert normalise(kind, written) == spelling
    assert normalise(kind, spelling) == spelling


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("card", "123"),
        ("card", "A" * 65),
        ("card", "1234_5"),
        ("card", "١٢٣٤٥"),
        ("phone", "22123456"),
        ("phone", "+4799"),
        ("phone", "+1 555 0100"),
        ("phone", "+47 22123456 ext. 7"),
        ("phone", "+47 twenty-two"),
        ("email", "kari"),
        ("email", "kari@localhost"),
        ("email", "a b@example.no"),
        ("payment_card", "4111 1111 1111 1111"),
        ("payment_card", "4111111111111111"),
        ("payment_card", "short"),
        ("subject", "https://idp.example"),
        ("subject", "|42"),
        ("subject", "a|b\nc"),
    ],
)
def test_what_cannot_be_one_is_refused_where_it_stands(kind: IdentifierKind, written: str) -> None:
    with pytest.raises(BadIdentifier) as refused:
        normalise(kind, written, "/identifiers/0/value")
    assert [fault.pointer for fault in refused.value.errors] == ["/identifiers/0/value"]
    assert written not in str(refused.value)


@given(st.from_regex(r"[A-Za-z0-9]{4,20}", fullmatch=True), st.lists(st.integers(0, 20), max_size=4))
def test_hyphens_and_spaces_in_a_card_number_are_for_the_eye(card: str, places: list[int]) -> None:
    written = card
    for place in places:
        written = written[:place] + "- "[place % 2] + written[place:]
    assert normalise("card", written) == card.upper()


@given(st.sampled_from(["card", "app_code", "phone", "email", "payment_card", "subject"]), st.text())
def test_whatever_is_typed_is_either_normal_or_refused(kind: IdentifierKind, written: str) -> None:
    try:
        spelling = normalise(kind, written)
    except BadIdentifier:
        return
    assert normalise(kind, spelling) == spelling
