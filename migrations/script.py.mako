"""${message}

What changes, and why it is safe while tills are selling: short locks, no table is written anew or read through under one,
and the version before works on it. `env.py` has set lock_timeout (1 s) and statement_timeout (10 min). On a table that is
there already:

- an index: CREATE INDEX CONCURRENTLY, outside the transaction: `with op.get_context().autocommit_block(): …`;
- a column: nullable, or with a default that is a constant;
- a CHECK or a foreign key: NOT VALID here, VALIDATE CONSTRAINT in the next migration;
- many rows: by a job in batches, never here.

Tests hold this with squawk. What it must accept is named there, with the reason.
"""

from __future__ import annotations

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
