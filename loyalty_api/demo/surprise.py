"""The surprise of the demo's year: a piece of fruit on a chance, with a budget that is to last through each month.

Nothing is put beside the API for it: somebody with the role ``gifts:terms`` drafts a version of the program with the
gift in it and publishes it, before the first basket. Draws begin on the second day, whose seed is
committed on the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from loyalty_api.demo.client import Connection, Credential, Refused

RULE = "fresh_surprise"
FIRST, LAST = date(2017, 1, 2), date(2017, 12, 31)
"""The days of the gift. The last is revealed with the end of the data."""
BUDGET, COST = 33_000, 40
"""What all gifts of a month may cost together, and what one costs: cents."""
GIFTS: Mapping[str, Any] = {
    "reveal_after_hours": 24,
    "terms": {
        "version": "2017",
        "text": {
            "en": "Whoever shops draws once a day. Between one in twenty and one in five win a piece of fruit.",
            "nb": "Den som handler, trekker én gang om dagen. Mellom én av tjue og én av fem vinner en frukt.",
        },
    },
    "rules": [
        {
            "id": RULE,
            "name": {"en": "A fresh surprise", "nb": "En frisk overraskelse"},
            "trigger": {"chance": {"one_in": 10, "at_least": 20, "at_most": 5}},
            "from": FIRST.isoformat(),
            "until": LAST.isoformat(),
            "give": {"product": {"text": {"en": "A piece of fruit", "nb": "En frukt"}}},
            "cost": COST,
            "budget": {"money": BUDGET, "period": "month"},
            "cooldown_days": 7,
            "claim_days": 400,
        }
    ],
}
_PATH = "/v1/program/versions"
_STARTS = f"{FIRST.isoformat()}T00:00:00Z"
# A demo of before the surprise has shopped already: it goes on without.
_TOO_LATE = frozenset({"publish_gate_failed", "too_soon"})


def publish_surprise(connection: Connection, *, by: Credential, document: Mapping[str, Any]) -> None:
    """Have ``document`` with the gift in it in force from the second day on, unless such a version is there.

    Raises NoAnswer, and Refused when the draft or its terms are not taken.
    """
    found = _called(connection, "GET", _PATH, by)
    if any("gifts" in one["document"] for one in found["data"] if one["status"] == "published"):
        return
    draft = {"document": {**document, "gifts": GIFTS}, "note": "A surprise on a chance"}
    made = _called(connection, "POST", _PATH, by, draft, key="demo-surprise")
    path = f"{_PATH}/{made['program_version_id']}/publish"
    _called(connection, "POST", path, by, {"effective_from": _STARTS}, key="demo-surprise-published")


def _called(
    connection: Connection, method: str, path: str, by: Credential, body: Any = None, key: str | None = None
) -> dict[str, Any]:
    sent = None if body is None else orjson.dumps(body)
    answer = connection.call(method=method, path=path, client=by, body=sent, key=key)
    code = answer.document().get("code")
    if answer.status not in (200, 201) and code not in _TOO_LATE:
        raise Refused(f"The surprise could not be published: {answer.status} {code}.")
    return answer.document()
