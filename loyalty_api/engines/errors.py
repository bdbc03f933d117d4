"""What can go wrong with an engine."""

from __future__ import annotations

from loyalty_api.errors import Unavailable


class EngineUnavailable(Unavailable):
    """PostgreSQL or Redis could not be started or reached; the detail says why and what to do about it."""

    code, title = "engine_unavailable", "The database engine is not available"
