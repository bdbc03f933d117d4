"""What tests look at from outside: processes, pid files, rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import redis

from loyalty_api.engines import Engines, processes, with_timeouts


def postgres_pid(folder: Path) -> int:
    """0 while there is none."""
    return _first_number(folder / "postgres" / "postmaster.pid")


def valkey_pid(folder: Path) -> int:
    return _first_number(folder / "run" / "valkey.pid")


def _first_number(path: Path) -> int:
    try:
        text = path.read_text().split()
    except FileNotFoundError:
        return 0
    return int(text[0]) if text else 0


def is_gone(pid: int) -> bool:
    return not processes.exists(pid)


def ask(engines: Engines, query: str) -> Any:
    """The first value that a query of the superuser gives, None when it gives nothing."""
    with psycopg.connect(with_timeouts(engines.database_url), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(engines: Engines) -> bool:
    try:
        return bool(ask(engines, "SELECT 1") == 1)
    except psycopg.OperationalError:
        return False


def cache_answers(engines: Engines) -> bool:
    try:
        with redis.Redis.from_url(engines.redis_url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
