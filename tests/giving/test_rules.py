"""Which days are looked at, and whose day it is: leap years, missed days, one celebration a year."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.giving import rules
from loyalty_api.rulekit.birthdays import celebrated

DAYS = st.dates(date(1950, 1, 1), date(2040, 12, 31))


@given(joined=DAYS, years=st.integers(1, 60), every=st.integers(1, 12))
def test_every_anniversary_is_found_on_one_day_and_no_other(joined: date, years: int, every: int) -> None:
    year = joined.year + years
    first = date(year, 1, 1)
    around = [celebrated(joined, year) + timedelta(n) for n in (-1, 0, 1)] + [
        first,
        date(year, 2, 28),
        date(year, 3, 1),
    ]
    found = {
        day
        for day in around
        for each in rules.anniversaries_on(day, every=every, since=joined)
        if each == rules.Anniversary(joined, years)
    }
    assert found == ({celebrated(joined, year)} if years % every == 0 else set())


@given(born=DAYS, year=st.integers(1951, 2060))
def test_every_birthday_is_found_on_the_day_it_is_celebrated(born: date, year: int) -> None:
    on = celebrated(born, year)
    written = born.strftime("%m-%d")
    assert written in rules.birthdays_on(on)
    assert not any(written in rules.birthdays_on(on + timedelta(n)) for n in (-1, 1))


def test_days_that_were_missed_are_made_up_for_within_a_month() -> None:
    today = date(2026, 3, 10)
    assert rules.days_to_walk(through=None, today=today) == [today]
    assert rules.days_to_walk(through=today, today=today) == []
    assert rules.days_to_walk(through=date(2026, 3, 8), today=today) == [date(2026, 3, 9), today]
    assert rules.days_to_walk(through=date(2025, 1, 1), today=today)[0] == date(2026, 2, 7)
    assert rules.days_to_walk(through=date(2026, 3, 11), today=today) == []
