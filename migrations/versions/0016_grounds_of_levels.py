"""What a change of level rested on: the sum that counted then, in which period, and what the level asked for.

Progress by day goes on changing when goods come back, so it cannot say later what it said then. The column may be
empty: changes from before it have no grounds, and the version before goes on writing rows without them.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Room for what was counted, beside each change."""
    op.execute("ALTER TABLE tier_changes ADD COLUMN grounds jsonb")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE tier_changes DROP COLUMN grounds")
