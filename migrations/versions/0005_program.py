"""Program versions: drafts that people edit, and published documents that nobody can.

Both are reference tables: small, and the same on every node.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE program_drafts (
            draft_id uuid NOT NULL,
            document jsonb NOT NULL,
            note varchar(500),
            revision integer NOT NULL DEFAULT 1,
            created_by varchar(64) NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            published_version integer,
            CONSTRAINT pk_program_drafts PRIMARY KEY (draft_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE program_versions (
            version integer NOT NULL,
            draft_id uuid NOT NULL,
            document text NOT NULL,
            fingerprint char(64) NOT NULL,
            effective_from timestamptz NOT NULL,
            published_at timestamptz NOT NULL,
            published_by varchar(64) NOT NULL,
            CONSTRAINT pk_program_versions PRIMARY KEY (version)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_program_versions_effective_from ON program_versions (effective_from, version)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE program_versions")
    op.execute("DROP TABLE program_drafts")
