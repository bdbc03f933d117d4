"""The demo's programs, each a document beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Program:
    """A program as it is published; ``name`` is also its database's."""

    name: str
    document: Mapping[str, Any]

    @property
    def spends(self) -> bool:
        """Whether points pay for something: then customers use them, and time goes by in a sandbox."""
        return "redeem" in self.document


def known_programs() -> list[str]:
    """The names of the programs there are."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load_program(name: str) -> Program:
    """One of the known programs."""
    return Program(name, orjson.loads((_FOLDER / f"{name}.json").read_bytes()))
