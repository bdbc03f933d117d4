"""Amounts of money in words: minor units to digits, without a float on the way."""

from __future__ import annotations

_DIGITS = dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0)
_DIGITS |= dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
_DIGITS |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


def minor_digits(currency: str) -> int:
    """How many decimals the currency's minor unit has (ISO 4217); two unless known otherwise."""
    return _DIGITS.get(currency, 2)


def grouped(number: int, group: str) -> str:
    """A whole number with ``group`` between its thousands."""
    if -1000 < number < 1000:
        return str(number)
    return f"{number:,}".replace(",", group)


def written(amount: int, currency: str, *, decimal: str, group: str) -> str:
    """An amount in minor units as digits with the language's marks: 321050 → ``3,210.50``."""
    digits = minor_digits(currency)
    whole, rest = divmod(abs(amount), 10**digits)
    text = grouped(whole, group) + (f"{decimal}{rest:0{digits}d}" if digits else "")
    return f"-{text}" if amount < 0 else text
