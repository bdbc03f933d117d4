"""One thing that must always be true, as SQL that brings the rows for which it is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """``checked`` counts what is looked at; ``broken`` brings (id, what is wrong with it) as two texts."""

    code: str
    rule: str
    checked: str
    broken: str
