"""What a doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["fine", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is, and what would mend it when it is not fine."""

    level: Level
    about: str
    what: str
    mend: str = ""


def fine(about: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding("fine", about, what)


def warning(about: str, what: str, mend: str) -> Finding:
    """It works, and not as well as it could."""
    return Finding("warning", about, what, mend)


def error(about: str, what: str, mend: str) -> Finding:
    """A promise is broken until this is mended."""
    return Finding("error", about, what, mend)
