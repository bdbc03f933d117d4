"""What a process of a sandbox takes for business time: the row, read whenever it is asked for."""

from __future__ import annotations

from loyalty_api import clock
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.sandbox import service


def follow_sandbox(settings: Settings, database: Database) -> None:
    """In a sandbox this process follows the sandbox's clock from now on."""
    if settings.sandbox:
        clock.follow(lambda: service.business_time(database, machine=clock.machine_now()))
