"""Reasons of corrections: room for the longest word that the API takes for one.

Only the limit of the column grows, so no row is written anew and the version before goes on working.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the column hold any word of ``adjustments.rules.REASONS``."""
    op.execute("ALTER TABLE adjustments ALTER COLUMN reason TYPE varchar(40)")


def downgrade() -> None:
    """Back to what was too short; a longer word is cut off."""
    op.execute("ALTER TABLE adjustments ALTER COLUMN reason TYPE varchar(24) USING left(reason, 24)")
