"""Draws: the days whose seeds are fixed ahead, each draw that was made, and what traffic is expected.

A day's record is sealed until it is revealed, and only its hash stands in clear; every commitment names the one before
it, so that none can be left out or put between. A member draws once for a gift and a day, which the key holds. Gifts'
ids are kept in the order of their bytes: the digest of a day's draws hangs on it.
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE draw_days (
        day date NOT NULL,
        previous char(64) NOT NULL,
        commitment char(64) NOT NULL,
        sealed bytea NOT NULL,
        committed_at timestamptz NOT NULL,
        begins_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        reveals_at timestamptz NOT NULL,
        draws integer,
        wins integer,
        counts jsonb,
        record text,
        previous_digest char(64),
        digest char(64),
        revealed_at timestamptz,
        CONSTRAINT pk_draw_days PRIMARY KEY (day),
        CONSTRAINT uq_draw_days_previous UNIQUE (previous),
        CONSTRAINT uq_draw_days_commitment UNIQUE (commitment),
        CONSTRAINT ck_draw_days_ahead CHECK (committed_at < begins_at AND begins_at < ends_at AND ends_at < reveals_at),
        CONSTRAINT ck_draw_days_revealed CHECK (revealed_at IS NULL OR revealed_at >= reveals_at AND record IS NOT NULL
            AND counts IS NOT NULL AND digest IS NOT NULL AND previous_digest IS NOT NULL AND draws IS NOT NULL
            AND wins IS NOT NULL),
        CONSTRAINT ck_draw_days_sealed CHECK (record IS NULL OR revealed_at IS NOT NULL)
    )
    """,
    """
    CREATE TABLE draws (
        member_id uuid NOT NULL,
        gift_id varchar(80) COLLATE "C" NOT NULL,
        day date NOT NULL,
        mark bytea NOT NULL,
        row_no smallint NOT NULL,
        ticket bigint NOT NULL,
        won boolean NOT NULL,
        purchase_id uuid NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_draws PRIMARY KEY (member_id, gift_id, day),
        CONSTRAINT ck_draws_mark CHECK (length(mark) = 32),
        CONSTRAINT ck_draws_row_no CHECK (row_no >= 0),
        CONSTRAINT ck_draws_ticket CHECK (ticket BETWEEN 0 AND 4503599627370495)
    )
    """,
    "CREATE INDEX ix_draws_day ON draws (day, gift_id, mark)",
    """
    CREATE TABLE draw_plans (
        gift_id varchar(80) NOT NULL,
        made_on date NOT NULL,
        hours jsonb NOT NULL,
        CONSTRAINT pk_draw_plans PRIMARY KEY (gift_id)
    )
    """,
)


def upgrade() -> None:
    """Add days, draws and plans."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Back to no chance at all."""
    op.execute("DROP TABLE draw_plans, draws, draw_days")
