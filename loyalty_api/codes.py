"""Numbers and codes that are printed, scanned and typed, with a check digit that catches a slip."""

from __future__ import annotations

import secrets

# No payment card starts with 9 (ISO/IEC 7812 leaves it to national use): ours is never taken for one.
_CARD_START = "9"
_CARD_LENGTH = 19


def luhn_digit(digits: str) -> str:
    """The check digit that ISO/IEC 7812 (Luhn) puts behind ``digits``."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def luhn_holds(number: str) -> bool:
    """Whether the last digit of ``number`` is the check digit of those before it."""
    return len(number) > 1 and number.isascii() and number.isdigit() and luhn_digit(number[:-1]) == number[-1]


def card_number() -> str:
    """A new card number: 19 digits, 17 of them random, the last a check digit. Call it at the edge."""
    digits = _CARD_START + f"{secrets.randbelow(10**17):017d}"
    return digits + luhn_digit(digits)


def is_mistyped_card(number: str) -> bool:
    """Whether ``number`` looks like one of our cards and its check digit says it was typed wrongly."""
    ours = len(number) == _CARD_LENGTH and number.isdigit() and number.startswith(_CARD_START)
    return ours and not luhn_holds(number)


def spoken_digits() -> str:
    """Six random digits to say over a counter. Call it at the edge."""
    return f"{secrets.randbelow(10**6):06d}"


_LETTERS = "23456789ABCDEFGHJKMNPRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_CODE_LENGTH = 17
_SLIPS = 2
_CODES = len(_LETTERS) ** _CODE_LENGTH


def claim_code(secret: bytes) -> str:
    """A code of 82 bits from 32 secret bytes, in four groups to read over a counter, the last letter a check.

    The alphabet has no letters or digits that are taken for one another.
    """
    number = int.from_bytes(secret, "big") % _CODES
    letters = []
    for _ in range(_CODE_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    code = "".join(letters)
    code += _check_letter(code)
    return _grouped(code)


def plain_code(typed: str) -> str | None:
    """What was typed, as ``claim_code`` writes it; None when a slip of the finger shows."""
    code = "".join(character for character in typed.upper() if character in _LETTERS)
    if len(code) != _CODE_LENGTH + 1 or _check_letter(code[:-1]) != code[-1]:
        return None
    return _grouped(code)


def looks_like_ours(scanned: str) -> bool:
    """Whether what a till scanned or a cashier typed has the form of one of our codes, slips of the finger included.

    Case, dashes and spaces do not matter, and up to two characters may be missing or too many. Digits alone are never
    ours: other people's coupons are made of them.
    """
    code = bare(scanned)
    near = abs(len(code) - _CODE_LENGTH - 1) <= _SLIPS
    return near and not code.isdigit() and _VALUES.keys() >= set(code)


def masked(scanned: str) -> str:
    """What may be stored and shown of a code: its last four characters; what is none of ours stays as it is."""
    return f"…{tail_of(scanned)}" if looks_like_ours(scanned) else scanned


def tail_of(code: str) -> str:
    """The last four characters of one of our codes, however it is written."""
    return bare(code)[-4:]


def bare(scanned: str) -> str:
    """A code without what does not matter in it: case, dashes and spaces."""
    return scanned.upper().replace("-", "").replace(" ", "")


def _grouped(code: str) -> str:
    return "-".join([code[:5], code[5:10], code[10:14], code[14:]])


def _check_letter(code: str) -> str:
    # There are 29 letters, a prime: growing weights find every wrong letter and every swap of neighbours.
    total = sum([weight * _VALUES[letter] for weight, letter in enumerate(code, start=1)])
    return _LETTERS[-total % len(_LETTERS)]
