"""When a request must be answered, and when terms were accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loyalty_api.consent.rules import accepted_when, due_at

NOW = datetime(2026, 11, 21, 15, 4, 5, tzinfo=UTC)


def test_a_request_is_answered_within_thirty_days() -> None:
    assert due_at(NOW) == datetime(2026, 12, 21, 15, 4, 5, tzinfo=UTC)


def test_terms_were_accepted_when_the_caller_says_but_never_later_than_now() -> None:
    earlier = NOW - timedelta(days=1)
    assert accepted_when(said=earlier, now=NOW) == earlier
    assert accepted_when(said=NOW + timedelta(seconds=1), now=NOW) == NOW
    assert accepted_when(said=None, now=NOW) == NOW
