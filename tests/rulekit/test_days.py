"""Local days: every instant lies in exactly one, also where clocks change at midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rulekit.days import ONE_DAY, begins, local_day, months_on

_OSLO = ZoneInfo("Europe/Oslo")
# Clocks change in the night, at midnight into the day and at midnight out of it, by half an hour, and never.
_ZONES = ("Europe/Oslo", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu")


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        (date(2026, 3, 29), "Europe/Oslo", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (date(2026, 3, 30), "Europe/Oslo", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        # There is no midnight: the day begins at one o'clock.
        (date(2026, 9, 6), "America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_by_the_clocks_of_its_place(day: date, zone: str, start: datetime) -> None:
    assert begins(day, ZoneInfo(zone)) == start


@given(
    st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(_ZONES).map(ZoneInfo),
)
def test_every_instant_lies_in_one_day(moment: datetime, zone: ZoneInfo) -> None:
    day = local_day(moment, zone)
    assert begins(day, zone) <= moment < begins(day + ONE_DAY, zone)


def test_the_day_is_that_of_the_place_and_not_of_the_clock_that_wrote_the_moment() -> None:
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert local_day(moment, _OSLO) == local_day(moment.astimezone(_OSLO), _OSLO) == date(2027, 1, 1)
    assert local_day(moment.astimezone(_OSLO), UTC) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("months", "day"),
    [(0, "2024-01-31"), (1, "2024-02-29"), (13, "2025-02-28"), (3, "2024-04-30"), (-2, "2023-11-30")],
)
def test_months_on_is_the_same_day_or_the_last_one_of_a_shorter_month(months: int, day: str) -> None:
    assert months_on(date(2024, 1, 31), months) == date.fromisoformat(day)
