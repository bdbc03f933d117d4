"""When a rule applies: one language of conditions for every kind of rule, compiled once to closures.

A condition is an object; all of its members must hold:

    {"store": ["str_1"], "days": ["sat"], "lines": {"where": {"brand": ["Tine"]}, "amount": {"at_least": 5000}},
     "any": [{"member": {"tier": ["gold"]}}, {"coupon": ["FRESH"]}], "not": {"payment": ["gift_card"]}}

``all`` and ``any`` take lists of conditions and ``not`` takes one, to any depth. A test gives None when the condition
holds and else what failed: a code, numbers, and how little was missing when that is a number somebody can still mend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loyalty_api.rulekit.member_conditions import MemberTest, PastTest, about_member, about_past
from loyalty_api.rulekit.outcomes import NOT_MET, UNDECIDED, Failure, fails
from loyalty_api.rulekit.selectors import selector
from loyalty_api.rulekit.situations import Situation, Test
from loyalty_api.rulekit.windows import Moment, hours, weekdays


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled test; ``timed`` ones need a ``Moment``, and ``asks`` names the facts it needs of the member."""

    test: Test
    timed: bool = False
    asks: frozenset[str] = field(default_factory=frozenset)


def compiled(when: Mapping[str, Any]) -> Condition | None:
    """A condition that has been read without faults; None when it asks for nothing."""
    made = [_MEMBERS[name](value) for name, value in when.items() if value is not None]
    return _every(made) if made else None


def _every(conditions: Sequence[Condition]) -> Condition:
    """All of them hold; else the first that failed, preferring one that cannot be mended by buying more."""
    if len(conditions) == 1:
        return conditions[0]
    tests = tuple([condition.test for condition in conditions])

    def test(of: Situation) -> Failure | None:
        for n, one in enumerate(tests):
            failed = one(of)
            if failed is not None:
                return failed if failed.missing is None else _alone(failed, tests[n + 1 :], of)
        return None

    return _together(test, conditions)


def _alone(failed: Failure, others: Iterable[Test], of: Situation) -> Failure:
    """A failure with what is missing, if nothing else fails: two things that are missing are not a near miss."""
    for one in others:
        other = one(of)
        if other is not None:
            return other if other.missing is None else Failure(failed.code, failed.numbers)
    return failed


def _some(conditions: Sequence[Condition]) -> Condition:
    """One of them holds; else the nearest failure, unless of one of them nobody knows."""
    tests = tuple([condition.test for condition in conditions])

    def test(of: Situation) -> Failure | None:
        failures = []
        for one in tests:
            failed = one(of)
            if failed is None:
                return None
            failures.append(failed)
        if UNDECIDED in failures:
            return UNDECIDED
        return next((failed for failed in failures if failed.missing), failures[0])

    return _together(test, conditions)


def _together(test: Test, conditions: Sequence[Condition]) -> Condition:
    asks = frozenset[str]().union(*[condition.asks for condition in conditions])
    return Condition(test, any(condition.timed for condition in conditions), asks)


def _all(values: Sequence[Mapping[str, Any]]) -> Condition:
    return _every(_inner(values))


def _any(values: Sequence[Mapping[str, Any]]) -> Condition:
    return _some(_inner(values))


def _inner(values: Sequence[Mapping[str, Any]]) -> list[Condition]:
    return [found for value in values if (found := compiled(value)) is not None]


def _not(value: Mapping[str, Any]) -> Condition:
    (inner,) = _inner([value])

    def test(of: Situation) -> Failure | None:
        failed = inner.test(of)
        return NOT_MET if failed is None else UNDECIDED if failed == UNDECIDED else None

    return Condition(test, inner.timed, inner.asks)


def _store(values: tuple[str, ...]) -> Condition:
    wanted, failure = frozenset(values), fails("other_store")
    return Condition(lambda of: None if of.basket.store in wanted else failure)


def _channel(values: tuple[str, ...]) -> Condition:
    wanted, failure = frozenset(values), fails("other_channel")
    return Condition(lambda of: None if of.basket.channel in wanted else failure)


def _payment(values: tuple[str, ...]) -> Condition:
    wanted, failure = frozenset(values), fails("other_payment")

    def test(of: Situation) -> Failure | None:
        return None if any(p.kind in wanted and p.amount > 0 for p in of.basket.payments) else failure

    return Condition(test)


def _coupon(values: tuple[str, ...]) -> Condition:
    wanted, failure = frozenset(values), fails("no_coupon")
    return Condition(lambda of: failure if wanted.isdisjoint(of.basket.coupons) else None)


def _timed(holds: Callable[[Moment], bool]) -> Condition:
    failure = fails("outside_window")
    return Condition(lambda of: None if of.moment is not None and holds(of.moment) else failure, timed=True)


def _lines(said: Mapping[str, Any]) -> Condition:
    """Of the lines that count and are selected: what was paid for them, their pieces, how many they are (R8, R15)."""
    where = {name: values for name, values in (said["where"] or {}).items() if values is not None}
    selects = selector(where) if where else None
    amount, pieces, number = said["amount"], said["pieces"], said["lines"]
    if not amount and not pieces and not number:
        pieces = {"at_least": 1, "at_most": None}

    def test(of: Situation) -> Failure | None:
        lines, paid = of.basket.lines, of.paid
        places = of.counted if selects is None else [n for n in of.counted if selects(lines[n])]
        failed = _within(amount, sum([paid[n] for n in places]), "amount") if amount else None
        if failed is None and pieces:
            failed = _within(pieces, sum([lines[n].pieces for n in places]), "pieces")
        if failed is None and number:
            failed = _within(number, len(places), "lines")
        return failed

    return Condition(test)


def _within(bounds: Mapping[str, int | None], found: int, measure: str) -> Failure | None:
    """None when the number lies within the bounds; too little is a near miss once there is something."""
    least, most = bounds["at_least"], bounds["at_most"]
    if least is not None and found < least:
        missing = {measure: least - found} if found > 0 else None
        return Failure(f"too_little_{measure}", {"least": least, "found": found}, missing)
    if most is not None and found > most:
        return Failure(f"too_much_{measure}", {"most": most, "found": found})
    return None


def _member(said: Mapping[str, Any]) -> Condition:
    known = [_of_member(test, asks) for test, asks in about_member(said)]
    return _every(known + [_of_past(test, asks) for test, asks in about_past(said)])


def _of_member(test: MemberTest, asks: frozenset[str]) -> Condition:
    return Condition(lambda of: test(of.facts), asks=asks)


def _of_past(test: PastTest, asks: frozenset[str]) -> Condition:
    nobody = fails("no_member")

    def asked(of: Situation) -> Failure | None:
        if of.moment is None or of.facts.member is None:
            return nobody
        return test(of, of.moment)

    return Condition(asked, timed=True, asks=asks)


_MEMBERS: Mapping[str, Callable[[Any], Condition]] = {
    "store": _store,
    "channel": _channel,
    "days": lambda names: _timed(weekdays(names)),
    "hours": lambda windows: _timed(hours(windows)),
    "from": lambda first: _timed(lambda moment: moment.day >= first),
    "until": lambda last: _timed(lambda moment: moment.day <= last),
    "repeats": lambda fits: _timed(lambda moment: fits(moment.day)),
    "member": _member,
    "payment": _payment,
    "coupon": _coupon,
    "lines": _lines,
    "cel": lambda test: Condition(test, timed=True),
    "all": _all,
    "any": _any,
    "not": _not,
}
