from __future__ import annotations

from tests.members.fixtures import database, session, urls, world

__all__ = ["database", "session", "urls", "world"]
