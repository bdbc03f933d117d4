"""Whether a purchase or a reported event brought a change of level about.

The column may be empty: changes from before it were made by purchases, returns, people and time, which the reason
says, and the version before goes on writing rows without it.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Room for the kind of a change's cause."""
    op.execute("ALTER TABLE tier_changes ADD COLUMN cause_type varchar(16)")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE tier_changes DROP COLUMN cause_type")
