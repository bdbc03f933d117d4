"""A shop whose rules have something of everything, and days that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.explanations.till import RULES, Till
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.shop import Shop


@pytest.fixture
def till(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    """The shop on the 2nd of March 2026."""
    calendar = Calendar(monkeypatch)
    calendar.on("2026-03-02T10:00+01:00")
    fresh_shop.publish(RULES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    yield Till(fresh_shop, calendar)
    assert breaches(fresh_shop) == []
