"""Runs migrations: one at a time (advisory lock), never waiting long for a table that a till is using.

Whoever waits for a table makes all others wait behind it. So a migration gives up well before a till does (2 s), undoes
what it began, and ``loyalty_api.migrating`` tries again. The connection is the owner's. After the last change each role
gets what it may do, from ``grants.py``: one list, applied anew each time, so that a new table cannot be forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import context
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parent))

import grants

LOCK = 7_310_000

connection = context.config.attributes["connection"]
app_role = context.config.attributes.get("app_role")

connection.execute(text("SET statement_timeout = '10min'"))
# Another migration is waited for: nobody else stands behind this lock.
connection.execute(text("SET lock_timeout = 0"))
connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
connection.execute(text("SET lock_timeout = '1s'"))
connection.commit()
try:
    context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    grants.apply(connection, app_role)
    grants.apply_to_reader(connection)
    connection.commit()
finally:
    connection.rollback()
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
    connection.commit()
