"""Programs for tests: the demo's rules with other terms."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.support.shop import BASIC


def with_lots(*, available: Any = "at_once", expire: Any = "never", **more: Any) -> dict[str, Any]:
    """The demo's program whose points become available and expire like this; ``more`` are further sections."""
    document = deepcopy(BASIC)
    document["lots"] = {"available": available, "expire": expire}
    return {**document, **more}


def earning(points: int, *, per: int = 100) -> dict[str, Any]:
    """A program of one rule: so many points for each whole amount."""
    document = deepcopy(BASIC)
    rule = {"id": "base", "kind": "base", "points_per": {"points": points, "amount": per}}
    document["earn"] = {"rules": [rule]}
    return document
