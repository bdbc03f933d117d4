"""Pauses: which rule gave nothing from when until when, who stopped it and who let it go on, and why.

They are history: a receipt that comes late is rated by the pauses of its own time. A rule has at most one that lasts.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.execute(
        """
        CREATE TABLE program_pauses (
            number integer NOT NULL,
            rule_id varchar(80) NOT NULL,
            paused_at timestamptz NOT NULL,
            paused_by varchar(64) NOT NULL,
            reason varchar(500) NOT NULL,
            resumed_at timestamptz,
            resumed_by varchar(64),
            resume_reason varchar(500),
            CONSTRAINT pk_program_pauses PRIMARY KEY (number),
            CONSTRAINT ck_program_pauses_end CHECK (resumed_at >= paused_at)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_program_pauses_rule_id ON program_pauses (rule_id) WHERE resumed_at IS NULL"
    )


def downgrade() -> None:
    """Back to rules that nobody can stop before a minute has gone by."""
    op.execute("DROP TABLE program_pauses")
