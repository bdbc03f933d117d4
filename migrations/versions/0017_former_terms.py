"""Former terms of lots: from when to when its points could be used, before something moved that.

An event that releases points, activity that prolongs them and a grace after giving back move a lot's terms, and no
journal says so. What was answered at an earlier moment can be worked out from these rows alone: of each change there is
what held until then.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A row for each change of a lot's terms, from now on."""
    op.execute(
        """
        CREATE TABLE former_terms (
            member_id uuid NOT NULL,
            lot_id uuid NOT NULL,
            version bigint NOT NULL,
            available_at timestamptz,
            expires_at timestamptz,
            ended_at timestamptz NOT NULL,
            CONSTRAINT pk_former_terms PRIMARY KEY (member_id, lot_id, version)
        )
        """
    )


def downgrade() -> None:
    """Forget how terms were."""
    op.execute("DROP TABLE former_terms")
