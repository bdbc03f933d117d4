"""Runs migrations: one at a time (advisory lock), never waiting long for a table that a till is using.

Whoever waits for a table makes all others wait behind it. So a migration gives up well before a till does (2 s), undoes
what it began, and ``loyalty_api.migrating`` tries again. The connection is the owner's. After the last change each role
gets what it may do, from ``grants.py``: one list, applied anew each time, so that a new table cannot be forgotten.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from alembic import context
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parent))

import grants

LOCK = 7_310_000
_PAUSE_SECONDS = 0.2

connection = context.config.attributes["connection"]
app_role = context.config.attributes.get("app_role")

connection.execute(text("SET statement_timeout = '10min'"))
connection.execute(text("SET lock_timeout = '1s'"))
connection.commit()
# Another migration is waited for outside of any transaction: an index that is made while tills write waits for every
# transaction there is, so one that waits for that migration would be waited for by it.
while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}).scalar():
    connection.commit()
    time.sleep(_PAUSE_SECONDS)
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
