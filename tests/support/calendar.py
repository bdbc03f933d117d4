"""Business time as a test sets it: the application asks one clock, and this turns its hands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_api import clock


class Calendar:
    """What the application takes for the present moment. Tokens live by machine time and do not notice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, start: datetime | None = None) -> None:
        self.now = start or datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def on(self, moment: datetime | str) -> datetime:
        """It is this moment; the moment."""
        self.now = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return self.now

    def pass_by(self, **span: float) -> datetime:
        """So many days, hours … go by; what time it is then."""
        return self.on(self.now + timedelta(**span))
