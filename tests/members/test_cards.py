"""Card numbers that we make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.codes import card_number, is_mistyped_card, luhn_digit, luhn_holds

DIGITS = st.text("0123456789", min_size=1, max_size=30)


def test_the_check_digit_is_that_of_the_published_example() -> None:
    assert luhn_digit("7992739871") == "3"


@given(DIGITS)
def test_a_number_with_its_check_digit_holds(digits: str) -> None:
    assert luhn_holds(digits + luhn_digit(digits))


@given(DIGITS, st.data())
def test_one_wrong_digit_is_always_noticed(digits: str, data: st.DataObject) -> None:
    number = digits + luhn_digit(digits)
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[place]))
    assert not luhn_holds(number[:place] + wrong + number[place + 1 :])


def test_what_is_no_number_does_not_hold() -> None:
    assert not any(luhn_holds(text) for text in ("", "0", "12a4", "٠٠"))


def test_our_numbers_hold_and_are_never_taken_for_a_payment_card() -> None:
    numbers = {card_number() for _ in range(200)}
    assert len(numbers) == 200
    assert all(len(number) == 19 and number[0] == "9" and luhn_holds(number) for number in numbers)


def test_only_a_slip_in_one_of_our_own_numbers_is_called_one() -> None:
    number = card_number()
    slip = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert is_mistyped_card(slip)
    assert not is_mistyped_card(number)
    assert not is_mistyped_card("2609001234568")
