"""Former terms of lots, and corrections of purchases.

An event that releases points, activity that prolongs them and a grace after giving back move a lot's terms, and no
journal says so. What was answered at an earlier moment can be worked out from these rows alone: of each change there is
what held until then.

A correction rates the purchases of a window under another version; of each purchase that it has seen there is a row,
with what was decided before and what was booked for the difference.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables; nothing that is there changes."""
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
    op.execute(
        """
        CREATE TABLE corrections (
            correction_id uuid NOT NULL,
            version integer NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            reason varchar(500),
            created_by varchar(64) NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT pk_corrections PRIMARY KEY (correction_id)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_corrections_version ON corrections (version, starts_at, ends_at)")
    op.execute(
        """
        CREATE TABLE purchase_corrections (
            member_id uuid NOT NULL,
            correction_id uuid NOT NULL,
            purchase_id uuid NOT NULL,
            version_before integer NOT NULL,
            version_after integer NOT NULL,
            points_before bigint NOT NULL,
            points_after bigint NOT NULL,
            owed bigint NOT NULL,
            booked bigint NOT NULL,
            lapsed bigint NOT NULL,
            kept bigint NOT NULL,
            journal_id uuid,
            before jsonb,
            recorded_at timestamptz NOT NULL,
            CONSTRAINT pk_purchase_corrections PRIMARY KEY (member_id, purchase_id, correction_id)
        )
        """
    )


def downgrade() -> None:
    """Forget how terms were, and what was corrected; what corrections booked stays in the ledger."""
    for table in ("purchase_corrections", "corrections", "former_terms"):
        op.execute(f"DROP TABLE {table}")
