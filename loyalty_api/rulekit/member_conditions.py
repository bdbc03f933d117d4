"""What conditions ask about the member, compiled to tests of the facts.

Which facts a condition needs it says itself, so that no others are loaded and stored: ``enrolled`` for the day of
enrolment, ``profile`` for the language and the home store, the keys of ``birthdays`` for days around a birthday, and
those of ``history`` for what was bought before. The tier and the segments are always there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from loyalty_api.rulekit import birthdays, history
from loyalty_api.rulekit.basket import category_path
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure, fails
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import Moment

MemberTest = Callable[[Facts], Failure | None]
PastTest = Callable[[Situation, Moment], Failure | None]
"""A test of the numbers of a member's history, at the situation's moment."""

_NOBODY = fails("no_member")


def about_member(said: Mapping[str, Any]) -> list[tuple[MemberTest, frozenset[str]]]:
    """A test and the facts it needs for each member of ``member`` that was said and asks how the member is."""
    return [_TESTS[name](value) for name, value in said.items() if value is not None and name in _TESTS]


def about_past(said: Mapping[str, Any]) -> list[tuple[PastTest, frozenset[str]]]:
    """The same for those that ask what the member bought before."""
    return [_PAST[name](value) for name, value in said.items() if value is not None and name in _PAST]


def _purchase_number(said: Mapping[str, Any]) -> tuple[PastTest, frozenset[str]]:
    """Whether this is the n-th purchase, or one of every n; until then it is said how many are missing."""
    exactly, every = frozenset(said["is"] or ()), said["every"]

    def test(of: Situation, _moment: Moment) -> Failure | None:
        number = of.facts.counters.get(history.PURCHASES, 0) + 1
        if number in exactly or (every is not None and number % every == 0):
            return None
        ahead = [n - number for n in exactly if n > number] + ([every - number % every] if every else [])
        missing = {"purchases": min(ahead)} if ahead else None
        return Failure("other_purchase", {"number": number}, missing)

    return test, frozenset({history.PURCHASES})


def _days_since(said: Mapping[str, int | None]) -> tuple[PastTest, frozenset[str]]:
    """Local days since the last purchase; who never bought was never away."""
    least, most = said["at_least"], said["at_most"]

    def test(of: Situation, moment: Moment) -> Failure | None:
        last = of.facts.counters.get(history.DAY)
        if last is None:
            return Failure("no_visit_before")
        days = moment.day.toordinal() - last
        if (least is None or days >= least) and (most is None or days <= most):
            return None
        return Failure("other_absence", {"days": days})

    return test, frozenset({history.DAY})


def _week_streak(said: Mapping[str, int | None]) -> tuple[PastTest, frozenset[str]]:
    """Weeks in a row with a purchase, this one included."""
    least, most = said["at_least"], said["at_most"]

    def test(of: Situation, moment: Moment) -> Failure | None:
        weeks = history.streak_now(of.facts.counters, moment)
        if least is not None and weeks < least:
            return Failure("other_streak", {"weeks": weeks}, {"weeks": least - weeks})
        return Failure("other_streak", {"weeks": weeks}) if most is not None and weeks > most else None

    return test, frozenset({history.WEEK, history.STREAK})


def _first_in_category(values: tuple[Any, ...]) -> tuple[PastTest, frozenset[str]]:
    """Something of one of the categories is bought that was never bought before."""
    keys = {history.bought_key(value): category_path(value) for value in values}
    failure = fails("bought_before")

    def test(of: Situation, _moment: Moment) -> Failure | None:
        fresh = any(
            not of.facts.counters.get(key) and history.has(of.basket.lines, path)
            for key, path in keys.items()
        )
        return None if fresh else failure

    return test, frozenset(keys)


def _new_visit(wanted: bool) -> tuple[PastTest, frozenset[str]]:
    """Whether the last purchase in this store is long enough ago (R19)."""

    def test(of: Situation, moment: Moment) -> Failure | None:
        last = of.facts.counters.get(history.STORE + of.basket.store)
        fresh = last is None or moment.stamp - last >= of.visit_gap
        if fresh == wanted:
            return None
        return Failure("same_visit", {"minutes": of.visit_gap})

    return test, frozenset({history.STORE})


def _tier(values: tuple[str, ...]) -> tuple[MemberTest, frozenset[str]]:
    wanted, failure = frozenset(values), fails("other_tier")
    return _of(lambda facts: None if facts.member and facts.member.tier in wanted else failure)


def _segment(values: tuple[str, ...]) -> tuple[MemberTest, frozenset[str]]:
    wanted, failure = frozenset(values), fails("other_segment")
    return _of(
        lambda facts: failure if facts.member is None or wanted.isdisjoint(facts.member.segments) else None
    )


def _staff(value: bool) -> tuple[MemberTest, frozenset[str]]:
    failure = fails("member_differs")
    return _of(lambda facts: None if facts.member and facts.member.staff == value else failure)


def _enrolled(said: Mapping[str, date | None]) -> tuple[MemberTest, frozenset[str]]:
    """The day of enrolment lies between two days, both included; days compare as they are written."""
    first, last = (day.isoformat() if day else None for day in (said["from"], said["until"]))
    failure = fails("enrolled_otherwise")

    def test(facts: Facts) -> Failure | None:
        day = _attribute(facts, "enrolled_on")
        if not isinstance(day, str):
            return failure
        return failure if (first and day < first) or (last and day > last) else None

    return _of(test, "enrolled")


def _member_for_days(said: Mapping[str, int | None]) -> tuple[MemberTest, frozenset[str]]:
    least, most = said["at_least"], said["at_most"]

    def test(facts: Facts) -> Failure | None:
        days = _attribute(facts, "member_for_days")
        if not isinstance(days, int):
            return _NOBODY
        if (least is None or days >= least) and (most is None or days <= most):
            return None
        return Failure("enrolled_otherwise", {"days": days})

    return _of(test, "enrolled")


def _birthday(said: Mapping[str, int]) -> tuple[MemberTest, frozenset[str]]:
    """It is a day around the member's birthday; of a member whose birthday nobody knows it never is."""
    key, failure = birthdays.key(said["days_before"], said["days_after"]), fails("not_birthday")
    return _of(lambda facts: None if _attribute(facts, key) is True else failure, key)


def _attribute_is(said: Mapping[str, tuple[str, ...]]) -> tuple[MemberTest, frozenset[str]]:
    wanted = {name: frozenset(values) for name, values in said.items() if values is not None}
    failure = fails("member_differs")

    def test(facts: Facts) -> Failure | None:
        return None if all(_attribute(facts, name) in values for name, values in wanted.items()) else failure

    return _of(test, "profile")


def _attribute(facts: Facts, name: str) -> Any:
    return facts.member.attributes.get(name) if facts.member else None


def _of(test: MemberTest, *asks: str) -> tuple[MemberTest, frozenset[str]]:
    return test, frozenset(asks)


_TESTS: Mapping[str, Callable[[Any], tuple[MemberTest, frozenset[str]]]] = {
    "tier": _tier,
    "segment": _segment,
    "staff": _staff,
    "birthday": _birthday,
    "enrolled": _enrolled,
    "member_for_days": _member_for_days,
    "attribute": _attribute_is,
}
_PAST: Mapping[str, Callable[[Any], tuple[PastTest, frozenset[str]]]] = {
    "purchase_number": _purchase_number,
    "days_since_visit": _days_since,
    "week_streak": _week_streak,
    "first_in_category": _first_in_category,
    "new_visit": _new_visit,
}
