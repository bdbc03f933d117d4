"""Bonuses of periods, tags of products, and when a counter was last counted on.

What was settled of a period is never changed; a difference that is found later is another settlement. ``period_runs``
has a row for each period of the program that was walked through, and says of which nothing is to be settled any more.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE period_bonuses (
        member_id uuid NOT NULL,
        period varchar(8) NOT NULL,
        n smallint NOT NULL,
        settlement_id uuid NOT NULL,
        total bigint NOT NULL,
        due bigint NOT NULL,
        points bigint NOT NULL,
        lapsed bigint NOT NULL,
        program_version integer NOT NULL,
        occurred_at timestamptz NOT NULL,
        settled_at timestamptz NOT NULL,
        CONSTRAINT pk_period_bonuses PRIMARY KEY (member_id, period, n)
    )
    """,
    """
    CREATE TABLE period_runs (
        period varchar(8) NOT NULL,
        passed_at timestamptz NOT NULL,
        closed boolean NOT NULL,
        CONSTRAINT pk_period_runs PRIMARY KEY (period)
    )
    """,
)


COLUMNS = (
    "ALTER TABLE products ADD COLUMN tags text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE purchase_lines ADD COLUMN tags text[]",
    "ALTER TABLE member_counters ADD COLUMN counted_at timestamptz NOT NULL DEFAULT now()",
)


def upgrade() -> None:
    for statement in COLUMNS + TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("period_runs", "period_bonuses"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE member_counters DROP COLUMN counted_at")
    for table in ("purchase_lines", "products"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN tags")
