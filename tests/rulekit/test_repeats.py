"""Days that repeat, as a calendar would count them out."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from loyalty_api.rulekit.repeats import Unreadable, ever_happens, repeats

START = date(2026, 1, 3)


def days(rule: str, *, start: date = START, until: date = date(2026, 12, 31)) -> list[str]:
    fits = repeats(rule, start)
    every = [start + timedelta(days=n) for n in range((until - start).days + 1)]
    return [day.isoformat() for day in every if fits(day)]


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY;INTERVAL=10", ["2026-01-03", "2026-01-13", "2026-01-23"]),
        ("FREQ=WEEKLY", ["2026-01-03", "2026-01-10", "2026-01-17"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,MO", ["2026-01-03", "2026-01-12", "2026-01-17"]),
        ("FREQ=MONTHLY", ["2026-01-03", "2026-02-03", "2026-03-03"]),
        ("FREQ=MONTHLY;BYDAY=1SA", ["2026-01-03", "2026-02-07", "2026-03-07"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["2026-02-13", "2026-03-13", "2026-11-13"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=-1FR", ["2026-11-27"]),
        ("FREQ=YEARLY", ["2026-01-03"]),
    ],
)
def test_days_are_those_of_the_calendar(rule: str, first: list[str]) -> None:
    assert days(rule)[:3] == first


def test_nothing_happens_before_the_first_day() -> None:
    assert not repeats("FREQ=WEEKLY", START)(START - timedelta(days=7))


@pytest.mark.parametrize(
    "rule",
    [
        "WEEKLY",
        "FREQ=HOURLY",
        "FREQ=WEEKLY;COUNT=3",
        "FREQ=WEEKLY;FREQ=DAILY",
        "FREQ=WEEKLY;INTERVAL=0",
        "FREQ=WEEKLY;INTERVAL=two",
        "FREQ=WEEKLY;BYDAY=1SA",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=YEARLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=6SA",
        "FREQ=MONTHLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=",
        "FREQ=YEARLY;BYMONTH=13",
    ],
)
def test_what_is_no_rule_of_days_is_refused(rule: str) -> None:
    with pytest.raises(Unreadable):
        repeats(rule, START)


def test_a_rule_that_no_day_fits_is_found_out() -> None:
    assert not ever_happens(repeats("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", START), START)
    assert ever_happens(repeats("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", START), START)
