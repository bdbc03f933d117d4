"""A program document as bytes: one canonical form, one fingerprint, and nothing in it that cannot be kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from loyalty_api.errors import Fault, Invalid
from loyalty_api.rulekit.shapes import below

DEEPEST = 32


class UnfitDocument(Invalid):
    """The program document has faults; ``errors`` points to each of them."""

    title = "The program document is not valid"


def canonical(document: Mapping[str, Any]) -> bytes:
    """The document as UTF-8 JSON with sorted keys and no blanks: equal documents, equal bytes.

    Raises ``UnfitDocument`` when it holds something that has no exact form (a float, for example).
    """
    faults = unfit(document)
    if faults:
        raise UnfitDocument(errors=faults)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(document: Mapping[str, Any]) -> str:
    """The SHA-256 of the canonical bytes, in hexadecimal. Raises ``UnfitDocument``."""
    return hashlib.sha256(canonical(document)).hexdigest()


def unfit(document: Any) -> tuple[Fault, ...]:
    """Every value without an exact, storable form: floats, NUL and lone surrogates, too deep nesting.

    The walk keeps its own stack, so a hostile document cannot exhaust Python's.
    """
    return tuple(sorted(_unfit(document), key=lambda fault: fault.pointer))


def _unfit(document: Any) -> Iterator[Fault]:
    waiting: list[tuple[Any, str, int]] = [(document, "", 0)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if isinstance(value, float):
            yield Fault(pointer, "float_not_allowed", "Numbers are whole: use minor units.")
        elif isinstance(value, str) and not _storable(value):
            yield Fault(pointer, "not_allowed", "The text holds a character that cannot be stored.")
        elif isinstance(value, Mapping | list | tuple):
            if depth == DEEPEST:
                yield Fault(pointer, "too_deep", f"At most {DEEPEST} levels.")
                continue
            if isinstance(value, Mapping):
                for key in value:
                    if not isinstance(key, str) or not _storable(key):
                        yield Fault(pointer, "not_allowed", "A key cannot be stored.")
            waiting += [(inner, pointer_to, depth + 1) for inner, pointer_to in _inside(value, pointer)]


def _inside(value: Any, pointer: str) -> list[tuple[Any, str]]:
    if isinstance(value, Mapping):
        return [(item, below(pointer, str(key))) for key, item in value.items()]
    return [(item, below(pointer, i)) for i, item in enumerate(value)]


def _storable(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
