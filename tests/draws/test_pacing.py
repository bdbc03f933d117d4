"""A budget that lasts to its last day, by odds that never leave their bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api.draws.rules import SPACE, below, odds_table
from loyalty_api.draws.rules_pacing import THOUSAND, Traffic, expected, last_day, pacing
from loyalty_api.draws.rules_simulating import Plan, simulate
from tests.draws.luck import BEGIN, SEED, arrivals

UTC_ZONE = ZoneInfo("UTC")
TABLE = odds_table(Fraction(1, 200), Fraction(1, 50), Fraction(1, 10))
BASE = below(Fraction(1, 50))


@settings(max_examples=100)
@given(st.integers(0, 10**9), st.integers(1, 10**5), st.integers(THOUSAND, 10**9))
def test_the_row_is_the_most_likely_that_can_be_afforded(remaining: int, cost: int, left: int) -> None:
    row = pacing(remaining=remaining, cost=cost, expected_left=left, rows=TABLE)
    price = [Fraction(below * cost * left, SPACE * THOUSAND) for below in TABLE]
    assert row == 0 or price[row] <= remaining
    assert row == len(TABLE) - 1 or price[row + 1] > remaining


def test_more_money_never_makes_a_win_less_likely() -> None:
    rows = [pacing(remaining=n, cost=100, expected_left=50_000_000, rows=TABLE) for n in range(0, 10**6, 997)]
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (0, len(TABLE) - 1)


def test_expected_traffic_is_counted_to_the_end_of_the_last_day() -> None:
    traffic = Traffic(
        {(0, 10): 4000, (0, 11): 2000, (6, 12): 1000}
    )  # Mondays at ten and eleven, Sundays at noon
    monday = datetime(2026, 11, 16, 10, 30, tzinfo=UTC)
    assert traffic.left(monday, monday.date(), UTC_ZONE) == 2000 + 2000
    assert traffic.left(monday, monday.date() + timedelta(days=6), UTC_ZONE) == 4000 + 1000
    assert traffic.left(monday, monday.date() + timedelta(days=7), UTC_ZONE) == 4000 + 1000 + 6000
    assert traffic.left(monday, monday.date() - timedelta(days=1), UTC_ZONE) == THOUSAND


def test_what_is_expected_is_what_there_was_a_week_and_how_much_of_it_drew() -> None:
    counted = {(0, 10): 60, (4, 17): 20}
    even = expected(counted, days=56, lately=20)
    assert even.hours == {(0, 10): 7_500, (4, 17): 2_500}
    assert expected(counted, days=56, lately=40).hours == {(0, 10): 15_000, (4, 17): 5_000}
    assert expected(counted, days=56, lately=20, asked=1, of=5).hours == {(0, 10): 1_500, (4, 17): 500}
    assert expected(counted, days=7, lately=80).hours == {(0, 10): 60_000, (4, 17): 20_000}


@pytest.mark.parametrize(
    ("period", "until", "last"),
    [
        ("day", None, date(2026, 11, 18)),
        ("week", None, date(2026, 11, 22)),
        ("month", None, date(2026, 11, 30)),
        ("year", None, date(2026, 12, 31)),
        ("program", None, None),
        ("program", date(2027, 1, 3), date(2027, 1, 3)),
        ("year", date(2026, 12, 24), date(2026, 12, 24)),
    ],
)
def test_a_budget_ends_with_its_period_or_with_its_rule(
    period: str, until: date | None, last: date | None
) -> None:
    assert last_day(date(2026, 11, 18), period, until) == last


def test_a_paced_budget_is_spent_and_lasts_to_the_last_day() -> None:
    before = list(arrivals(weeks=8, a_week=900))
    first = BEGIN + timedelta(weeks=8)
    # Twice as busy as all weeks before from the middle on: pacing has to notice.
    quiet = arrivals(weeks=4, a_week=900, first=first)
    busy = arrivals(weeks=4, a_week=1800, first=first + timedelta(weeks=4))
    last = (first + timedelta(weeks=8, days=-1)).date()
    plan = Plan(budget=45_000, cost=200, table=TABLE, base=BASE, last=last, zone=UTC_ZONE)
    course = simulate(plan, [*quiet, *busy], before=before, seed=SEED)
    assert plan.budget * 95 <= course.spent * 100 <= plan.budget * 100
    assert course.dry_since is None or course.dry_since.date() == last
    half = list(accumulate(course.spent_by_day[day] for day in sorted(course.spent_by_day)))[27]
    assert 30 <= half * 100 // plan.budget <= 70, "it is spent over the time, not at its beginning or its end"
