"""Money in digits, by the currency's minor unit."""

from __future__ import annotations

import pytest

from loyalty_api.rulekit.money import written


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "NOK", "0,00"),
        (5, "NOK", "0,05"),
        (-5, "NOK", "-0,05"),
        (123456789, "NOK", "1 234 567,89"),
        (1500, "JPY", "1 500"),
        (1500, "KWD", "1,500"),
        (10**17 + 1, "EUR", "1 000 000 000 000 000,01"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(amount, currency, text):
    assert written(amount, currency, decimal=",", group=" ") == text
