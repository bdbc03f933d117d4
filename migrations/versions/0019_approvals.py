"""Approvals: who agreed, as a second person, that exactly this document is published, and when."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what was agreed is only ever added to."""
    op.execute(
        """
        CREATE TABLE program_approvals (
            draft_id uuid NOT NULL,
            fingerprint char(64) NOT NULL,
            approved_by varchar(64) NOT NULL,
            approved_at timestamptz NOT NULL,
            note varchar(500),
            CONSTRAINT pk_program_approvals PRIMARY KEY (draft_id, fingerprint, approved_by)
        )
        """
    )


def downgrade() -> None:
    """Back to one person."""
    op.execute("DROP TABLE program_approvals")
