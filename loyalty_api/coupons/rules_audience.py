"""For which members a coupon is: what conditions call ``member``, as far as it asks how the member is. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.member_conditions import MemberTest, about_member

ASKED = ("tier", "segment", "staff", "enrolled", "member_for_days", "attribute")
"""What an audience may ask. What a member bought before is asked by the rule that the coupon unlocks."""


def check(audience: Any) -> list[Fault]:
    """Every fault of an audience, with its place in the body that holds it."""
    faults: list[Fault] = []
    read_conditions({"member": audience}, "", faults)
    if isinstance(audience, Mapping):
        faults += [
            Fault(f"/member/{name}", "not_allowed", f"An audience asks for some of {', '.join(ASKED)}.")
            for name in sorted(audience.keys() - set(ASKED))
            if not any(fault.pointer == f"/member/{name}" for fault in faults)
        ]
    return [
        Fault("/audience" + fault.pointer.removeprefix("/member"), fault.code, fault.message)
        for fault in faults
    ]


def is_for(audience: Mapping[str, Any], facts: Facts) -> bool:
    """Whether the member in ``facts`` is one of an audience that was checked; nobody never is."""
    if facts.member is None:
        return False
    return all(test(facts) is None for test in _tests(json.dumps(audience, sort_keys=True)))


@lru_cache(maxsize=1000)
def _tests(audience: str) -> tuple[MemberTest, ...]:
    read = read_conditions({"member": json.loads(audience)}, "", [])
    return tuple([test for test, _ in about_member(read["member"])])


def facts_of(
    *,
    status: str,
    tier: str | None,
    is_staff: bool,
    tags: Sequence[str],
    enrolled_at: datetime,
    language: str | None,
    home_store: str | None,
    at: datetime,
    zone: tzinfo,
) -> Facts:
    """All that an audience may ask of a member at a moment; days are those of the program's ``zone``."""
    day = local_day(enrolled_at, zone)
    known = {"language": language, "home_store": home_store}
    attributes: dict[str, str | int | bool] = {
        name: value for name, value in known.items() if value is not None
    }
    attributes["enrolled_on"] = day.isoformat()
    attributes["member_for_days"] = max(0, (local_day(at, zone) - day).days)
    return Facts(Member(status, tier, is_staff, tuple(tags), attributes))
