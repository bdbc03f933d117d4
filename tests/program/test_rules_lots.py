"""When points become available and when they expire, by the program's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.errors import Fault
from loyalty_api.program.rules_lots import LotTerms, lasting_faults, read_available, terms_for
from tests.rulekit.strategies import unhurried

OSLO = ZoneInfo("Europe/Oslo")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def times(at: str, available=("at_once", None), expire=("never", None), *, exact=False, zone=OSLO):
    return terms_for(terms=LotTerms(available, expire, exact), at=utc(at), zone=zone)


def test_at_once_is_the_moment_of_earning_and_never_has_no_end():
    found = times("2026-11-21T16:06:40+01:00")
    assert found.available_at == utc("2026-11-21T15:06:40Z")
    assert found.expires_at is None


def test_after_fourteen_days_points_wake_with_the_local_day():
    found = times("2026-11-21T16:06:40+01:00", available=("after_days", 14))
    assert found.available_at == utc("2026-12-04T23:00:00Z")


def test_an_event_has_no_date():
    assert times("2026-11-21T16:06:40+01:00", available=("on_event", None)).available_at is None


@pytest.mark.parametrize(
    ("expire", "instant"),
    [
        (("days", 1), "2026-11-23T00:00:00+01:00"),
        (("days", 365), "2027-11-22T00:00:00+01:00"),
        (("months", 12), "2027-11-22T00:00:00+01:00"),
        (("months", 7), "2027-06-22T00:00:00+02:00"),
        (("end_of_month", 0), "2026-12-01T00:00:00+01:00"),
        (("end_of_month", 12), "2027-12-01T00:00:00+01:00"),
        (("end_of_year", 0), "2027-01-01T00:00:00+01:00"),
        (("end_of_year", 1), "2028-01-01T00:00:00+01:00"),
        (("dates", ("03-31", "09-30")), "2027-04-01T00:00:00+02:00"),
        (("dates", ("11-21",)), "2027-11-22T00:00:00+01:00"),
        (("dates", ("2027-06-30",)), "2027-07-01T00:00:00+02:00"),
    ],
)
def test_the_last_day_ends_where_the_next_begins(expire, instant):
    assert times("2026-11-21T16:06:40+01:00", expire=expire).expires_at == utc(instant)


def test_dates_that_are_all_past_never_expire_anything():
    assert times("2026-11-21T16:06:40+01:00", expire=("dates", ("2026-06-30",))).expires_at is None


def test_a_month_that_is_too_short_ends_on_its_last_day():
    assert times("2027-01-31T12:00:00+01:00", expire=("months", 1)).expires_at == utc(
        "2027-03-01T00:00:00+01:00"
    )
    assert times("2024-02-29T12:00:00+01:00", expire=("months", 12)).expires_at == utc(
        "2025-03-01T00:00:00+01:00"
    )


def test_inactivity_slides_and_starts_as_months_from_earning():
    found = times("2026-11-21T16:06:40+01:00", expire=("inactivity", 12))
    assert (found.expires_at, found.sliding_months) == (utc("2027-11-22T00:00:00+01:00"), 12)


def test_the_day_is_the_program_s_and_not_utc_s():
    late_in_the_evening = "2026-06-30T22:30:00Z"
    assert times(late_in_the_evening, expire=("end_of_month", 0)).expires_at == utc(
        "2026-08-01T00:00:00+02:00"
    )


def test_days_over_a_change_of_the_clock_are_calendar_days():
    assert times("2026-03-28T12:00:00+01:00", expire=("days", 1)).expires_at == utc(
        "2026-03-30T00:00:00+02:00"
    )
    assert times("2026-10-24T12:00:00+02:00", expire=("days", 1)).expires_at == utc(
        "2026-10-26T00:00:00+01:00"
    )


def test_exact_days_end_to_the_second_on_the_local_clock():
    found = times("2026-03-28T12:00:01+01:00", ("after_days", 1), ("days", 2), exact=True)
    assert found.available_at == utc("2026-03-29T12:00:01+02:00")
    assert found.expires_at == utc("2026-03-30T12:00:01+02:00")


def test_a_day_without_midnight_begins_when_it_begins():
    """São Paulo went from 23:59:59 to 01:00 on 4 November 2018."""
    found = times("2018-11-02T12:00:00-03:00", expire=("days", 1), zone=SAO_PAULO)
    assert found.expires_at == utc("2018-11-04T01:00:00-02:00")
    assert found.expires_at - timedelta(seconds=1) == utc("2018-11-03T23:59:59-03:00")


@unhurried
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.integers(0, 800),
    st.sampled_from([OSLO, SAO_PAULO, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Africa/Cairo")]),
)
def test_n_days_begin_and_end_with_a_local_day(at, days, zone):
    found = terms_for(terms=LotTerms(("after_days", days), ("days", days + 1)), at=at, zone=zone)
    assert found.available_at is not None
    assert found.expires_at is not None
    earned = at.astimezone(zone).date()
    assert (found.expires_at - timedelta(microseconds=1)).astimezone(zone).date() == earned + timedelta(
        days=days + 1
    )
    assert at <= found.available_at < found.expires_at
    if days:
        assert found.available_at.astimezone(zone).date() == earned + timedelta(days=days)


def test_an_event_releases_points_or_their_days_do() -> None:
    terms = ("on_event", {"name": "delivered", "after_days": 30})
    found = times("2026-11-21T16:06:40+01:00", available=terms)
    assert (found.available_at, found.awaits) == (datetime(2026, 12, 20, 23, tzinfo=UTC), "delivered")


@pytest.mark.parametrize(
    "available",
    [("on_event", None), ("on_event", {"name": None, "after_days": None})],
    ids=["word", "object"],
)
def test_without_a_name_any_event_releases_points(available: tuple[str, Any]) -> None:
    found = times("2026-11-21T16:06:40+01:00", available=available)
    assert (found.available_at, found.awaits) == (None, "*")


def test_points_that_wait_for_days_wait_for_no_event() -> None:
    assert times("2026-11-21T16:06:40+01:00", available=("after_days", 3)).awaits is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("on_event", ("on_event", None)),
        ({"on_event": {"name": "delivered"}}, ("on_event", {"name": "delivered", "after_days": None})),
        ({"on_event": {"after_days": 30}}, ("on_event", {"name": None, "after_days": 30})),
    ],
)
def test_the_ways_to_say_on_event(written: Any, read: Any) -> None:
    faults: list[Fault] = []
    assert (read_available(written, "", faults), faults) == (read, [])


@pytest.mark.parametrize(
    "written", [{"on_event": {"name": "*"}}, {"on_event": {"days": 3}}, {"on_event": "now"}]
)
def test_what_is_no_event_is_a_fault(written: Any) -> None:
    faults: list[Fault] = []
    read_available(written, "", faults)
    assert faults


def test_days_after_which_they_would_be_over_are_a_fault() -> None:
    waiting = LotTerms(("on_event", {"name": None, "after_days": 30}), ("days", 20))
    assert [fault.code for fault in lasting_faults(waiting, "")] == ["expires_before_available"]
    assert lasting_faults(LotTerms(("on_event", None), ("days", 20)), "") == []
    assert lasting_faults(LotTerms(("at_once", None), ("end_of_month", 0)), "") == []
