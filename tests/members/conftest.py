from __future__ import annotations

from tests.members.fixtures import database, running, session, urls, world

__all__ = ["database", "running", "session", "urls", "world"]
