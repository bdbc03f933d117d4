"""What reservations hold of a member's counters, and which counters and limits of periods are forgotten.

The counters themselves stay what purchases have counted. The version before knows nothing of these holds, so two of its
tills may use what one of ours holds; what either sells is counted as ever. It has forgotten counters of days and weeks
after 400 days, which is noted as such.
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE counter_holds (
        member_id uuid NOT NULL,
        key varchar(120) NOT NULL,
        reservation_id uuid NOT NULL,
        amount bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_counter_holds PRIMARY KEY (member_id, key, reservation_id),
        CONSTRAINT ck_counter_holds_amount CHECK (amount > 0)
    )
    """,
    """
    CREATE TABLE purged_periods (
        what varchar(8) NOT NULL,
        since date NOT NULL,
        before date NOT NULL,
        CONSTRAINT pk_purged_periods PRIMARY KEY (what, since),
        CONSTRAINT ck_purged_periods_what CHECK (what IN ('counters', 'limits'))
    )
    """,
)
FORGOTTEN = (
    "INSERT INTO purged_periods SELECT 'counters', '0001-01-01', (now() - interval '400 days')::date"
    " WHERE EXISTS (SELECT FROM member_counters)"
)
INDEX = "CREATE INDEX ix_counter_holds_reservation_id ON counter_holds (reservation_id)"


def upgrade() -> None:
    """One table that is empty most of the time, and one of a few rows."""
    for statement in (*TABLES, INDEX, FORGOTTEN):
        op.execute(statement)


def downgrade() -> None:
    """What is held is there again."""
    for table in ("purged_periods", "counter_holds"):
        op.execute(f"DROP TABLE {table}")
