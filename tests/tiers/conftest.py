"""Business time as a test sets it."""

from __future__ import annotations

import pytest

from tests.support.calendar import Calendar


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)
