"""What conditions ask about the member, compiled to tests of the facts.

Which facts a condition needs it says itself, so that no others are loaded and stored: ``enrolled`` for the day of
enrolment, ``profile`` for the language and the home store. The tier and the segments are always there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal

from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure, fails

Asked = Literal["enrolled", "profile"]
MemberTest = Callable[[Facts], Failure | None]

_NOBODY = fails("no_member")


def about_member(said: Mapping[str, Any]) -> list[tuple[MemberTest, frozenset[Asked]]]:
    """A test and the facts it needs for each member of ``member`` that was said."""
    return [_TESTS[name](value) for name, value in said.items() if value is not None]


def _tier(values: tuple[str, ...]) -> tuple[MemberTest, frozenset[Asked]]:
    wanted, failure = frozenset(values), fails("other_tier")
    return _of(lambda facts: None if facts.member and facts.member.tier in wanted else failure)


def _segment(values: tuple[str, ...]) -> tuple[MemberTest, frozenset[Asked]]:
    wanted, failure = frozenset(values), fails("other_segment")
    return _of(
        lambda facts: failure if facts.member is None or wanted.isdisjoint(facts.member.segments) else None
    )


def _staff(value: bool) -> tuple[MemberTest, frozenset[Asked]]:
    failure = fails("member_differs")
    return _of(lambda facts: None if facts.member and facts.member.staff == value else failure)


def _enrolled(said: Mapping[str, date | None]) -> tuple[MemberTest, frozenset[Asked]]:
    """The day of enrolment lies between two days, both included; days compare as they are written."""
    first, last = (day.isoformat() if day else None for day in (said["from"], said["until"]))
    failure = fails("enrolled_otherwise")

    def test(facts: Facts) -> Failure | None:
        day = _attribute(facts, "enrolled_on")
        if not isinstance(day, str):
            return failure
        return failure if (first and day < first) or (last and day > last) else None

    return _of(test, "enrolled")


def _member_for_days(said: Mapping[str, int | None]) -> tuple[MemberTest, frozenset[Asked]]:
    least, most = said["at_least"], said["at_most"]

    def test(facts: Facts) -> Failure | None:
        days = _attribute(facts, "member_for_days")
        if not isinstance(days, int):
            return _NOBODY
        if (least is None or days >= least) and (most is None or days <= most):
            return None
        return Failure("enrolled_otherwise", {"days": days})

    return _of(test, "enrolled")


def _attribute_is(said: Mapping[str, tuple[str, ...]]) -> tuple[MemberTest, frozenset[Asked]]:
    wanted = {name: frozenset(values) for name, values in said.items() if values is not None}
    failure = fails("member_differs")

    def test(facts: Facts) -> Failure | None:
        return None if all(_attribute(facts, name) in values for name, values in wanted.items()) else failure

    return _of(test, "profile")


def _attribute(facts: Facts, name: str) -> Any:
    return facts.member.attributes.get(name) if facts.member else None


def _of(test: MemberTest, *asks: Asked) -> tuple[MemberTest, frozenset[Asked]]:
    return test, frozenset(asks)


_TESTS: Mapping[str, Callable[[Any], tuple[MemberTest, frozenset[Asked]]]] = {
    "tier": _tier,
    "segment": _segment,
    "staff": _staff,
    "enrolled": _enrolled,
    "member_for_days": _member_for_days,
    "attribute": _attribute_is,
}
