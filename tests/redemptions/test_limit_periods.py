"""How long a member's limit on a reward lasts: a period of the program's own calendar, and the day of the next one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty_api.rewards.rules import day_after, period_start

_OSLO = ZoneInfo("Europe/Oslo")
# It is Thursday the 31st of December in Greenwich, and Friday the 1st of January in Oslo.
_NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per", "start", "after"),
    [
        ("day", datetime(2026, 12, 31, 23, tzinfo=UTC), date(2027, 1, 2)),
        ("week", datetime(2026, 12, 27, 23, tzinfo=UTC), date(2027, 1, 4)),
        ("month", datetime(2026, 12, 31, 23, tzinfo=UTC), date(2027, 2, 1)),
        ("year", datetime(2026, 12, 31, 23, tzinfo=UTC), date(2028, 1, 1)),
        ("ever", None, None),
    ],
)
def test_a_limit_counts_from_the_local_beginning_of_its_period(
    per: str, start: datetime | None, after: date | None
) -> None:
    assert period_start(per, _NEW_YEAR, _OSLO) == start
    assert day_after(per, _NEW_YEAR, _OSLO) == after
