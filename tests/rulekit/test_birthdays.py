"""Days around a birthday, over the end of a year and in years without a 29th of February."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rulekit import birthdays
from loyalty_api.rulekit.conditions import compiled
from loyalty_api.rulekit.conditions_reading import read_conditions

days = st.dates(date(1900, 1, 1), date(2199, 12, 31))


def holds(before: int, after: int, born: str, day: str) -> bool:
    key = birthdays.key(before, after)
    return birthdays.holds(key, born=date.fromisoformat(born), day=date.fromisoformat(day))


def test_a_window_runs_over_the_end_of_the_year() -> None:
    assert holds(3, 0, "1990-01-02", "2026-12-31")
    assert not holds(3, 0, "1990-01-02", "2026-12-29")
    assert holds(0, 5, "1990-12-30", "2027-01-04")
    assert not holds(0, 5, "1990-12-30", "2027-01-05")


def test_who_was_born_on_a_leap_day_has_a_birthday_every_year() -> None:
    assert holds(0, 0, "2000-02-29", "2028-02-29")
    assert not holds(0, 0, "2000-02-29", "2028-02-28")
    assert holds(0, 0, "2000-02-29", "2027-02-28")
    assert not holds(0, 0, "2000-02-29", "2027-03-01")


def old_enough(years: int, born: str, day: str) -> bool:
    return birthdays.holds(
        birthdays.age_key(years), born=date.fromisoformat(born), day=date.fromisoformat(day)
    )


def test_an_age_is_reached_on_the_birthday() -> None:
    assert not old_enough(18, "2008-11-18", "2026-11-17")
    assert old_enough(18, "2008-11-18", "2026-11-18")
    assert old_enough(18, "2008-11-18", "2031-01-01")


def test_who_was_born_on_a_leap_day_is_of_age_with_february() -> None:
    assert not old_enough(18, "2008-02-29", "2026-02-27")
    assert old_enough(18, "2008-02-29", "2026-02-28")
    assert not old_enough(20, "2008-02-29", "2028-02-28")


@given(days, days, st.integers(0, 180), st.integers(0, 180))
def test_a_window_is_the_days_around_the_nearest_birthdays(
    born: date, day: date, before: int, after: int
) -> None:
    around = [birthdays.celebrated(born, day.year + n) - day for n in (-1, 0, 1)]
    expected = any(-timedelta(days=after) <= left <= timedelta(days=before) for left in around)
    assert birthdays.holds(birthdays.key(before, after), born=born, day=day) is expected


def test_a_condition_asks_for_its_window_and_nothing_else() -> None:
    faults: list[object] = []
    when = read_conditions({"member": {"birthday": {"days_after": 7}}}, "", faults)
    made = compiled(when)
    assert (faults, made and made.asks) == ([], {"birthday:0:7"})
