"""Back-tests: what a draft would have decided of real purchases, run by run, with how far each has come.

A run keeps the document it replays, so that a draft that is edited meanwhile changes nothing of it. ``partial`` are the
sums of the members up to ``place``: whoever goes on after a crash begins there. No run holds anything of a member's
that leads back to it.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE backtests (
            backtest_id uuid NOT NULL,
            draft_id uuid NOT NULL,
            document text NOT NULL,
            fingerprint varchar(64) NOT NULL,
            versions integer NOT NULL,
            starts timestamptz NOT NULL,
            ends timestamptz NOT NULL,
            sample smallint,
            state varchar(12) NOT NULL,
            done bigint NOT NULL DEFAULT 0,
            total bigint NOT NULL DEFAULT 0,
            tries smallint NOT NULL DEFAULT 0,
            place uuid,
            partial jsonb,
            result jsonb,
            failure varchar(200),
            created_by varchar(64) NOT NULL,
            created_at timestamptz NOT NULL,
            finished_at timestamptz,
            CONSTRAINT pk_backtests PRIMARY KEY (backtest_id),
            CONSTRAINT ck_backtests_state CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
            CONSTRAINT ck_backtests_window CHECK (starts < ends)
        )
        """
    )
    op.execute("CREATE INDEX ix_backtests_draft_id ON backtests (draft_id, backtest_id)")
    op.execute(
        "CREATE INDEX ix_backtests_open ON backtests (created_at, backtest_id) WHERE state IN ('queued', 'running')"
    )


def downgrade() -> None:
    op.execute("DROP TABLE backtests")
