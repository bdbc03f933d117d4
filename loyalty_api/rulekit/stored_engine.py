"""By which engine a stored document was written, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.errors import LoyaltyError
from loyalty_api.rulekit.decision import READABLE

Document = dict[str, Any]


class UnknownEngine(LoyaltyError):
    """A stored document was written by an evaluation this release does not have."""

    code, title = "engine_unknown", "This purchase was rated by a release that is not installed here"


def ensure_known(document: Mapping[str, Any]) -> None:
    """Refuse what was written by an engine that is not here. Raises ``UnknownEngine``."""
    if document.get("e") not in READABLE:
        raise UnknownEngine(f"Engine {document.get('e')!r} is not known here.")


def said(**members: Any) -> Document:
    """The members that say something: not None, not empty. Zero, False and the empty text do."""
    return {name: value for name, value in members.items() if value or isinstance(value, (int, str))}
