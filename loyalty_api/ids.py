"""Public identifiers: time-ordered, readable by their prefix, opaque otherwise.

Inside the database an id is a UUIDv7 (RFC 9562); outside it is ``<prefix>_<26 characters>``, the 128 bits in
Crockford's base 32, which sorts as the bits do.
"""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_WRITTEN = frozenset(_ALPHABET)
# Python reads base 32 with the letters from a to v: ours are taken there first.
_TO_BASE_32 = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
# Pairs of characters are looked up at once: ten bits a step keeps encoding under two microseconds.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_LENGTH = 26


def new() -> UUID:
    """A new time-ordered id. Random: call it at the edges or hand the result in."""
    return uuid7()


def show(prefix: str, value: UUID) -> str:
    """The public form of ``value``, for example ``mbr_01k…``."""
    number = value.int
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def read(prefix: str, text: str) -> UUID | None:
    """The id that ``text`` shows, or None when it is not one with this prefix."""
    head, _, body = text.partition("_")
    if head != prefix or len(body) != _LENGTH or not _WRITTEN.issuperset(body):
        return None
    number = int(body.translate(_TO_BASE_32), 32)
    return UUID(int=number) if number < 1 << 128 else None


def nth(first: UUID, n: int) -> UUID:
    """The ``n``-th id counted up from ``first``, for things that one write makes together.

    An id from ``new`` ends in 62 random bits, so the few ids after it are as good as random ones, and whoever is
    handed one id at the edge needs no source of randomness of its own.
    """
    return UUID(int=first.int + n)
