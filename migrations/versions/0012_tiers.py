"""Tiers: what each member's days count for, how each member stands, and every level taken up or given up.

How a member stands follows from the days and the rules; ``member_tiers`` keeps it so that nobody has to fold them anew,
and ``due_at`` so that a job finds whose level time will change. Changes are only ever added.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE tier_progress (
        member_id uuid NOT NULL,
        day date NOT NULL,
        points bigint NOT NULL,
        spend bigint NOT NULL,
        visits bigint NOT NULL,
        CONSTRAINT pk_tier_progress PRIMARY KEY (member_id, day),
        CONSTRAINT ck_tier_progress_amounts CHECK (points >= 0 AND spend >= 0 AND visits >= 0)
    )
    """,
    """
    CREATE TABLE member_tiers (
        member_id uuid NOT NULL,
        level varchar(40),
        level_since timestamptz NOT NULL,
        shown varchar(40),
        since timestamptz NOT NULL,
        as_of timestamptz NOT NULL,
        assigned varchar(40),
        assigned_until timestamptz,
        recheck_at timestamptz,
        changes integer NOT NULL,
        due_at timestamptz,
        rules_from timestamptz NOT NULL,
        CONSTRAINT pk_member_tiers PRIMARY KEY (member_id),
        CONSTRAINT ck_member_tiers_assigned CHECK ((assigned IS NULL) = (assigned_until IS NULL))
    )
    """,
    """
    CREATE TABLE tier_changes (
        member_id uuid NOT NULL,
        change_no integer NOT NULL,
        level varchar(40),
        previous varchar(40),
        reason varchar(20) NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        assigned_until timestamptz,
        assigned_reason varchar(40),
        cause_id uuid,
        actor_kind varchar(16) NOT NULL,
        actor_id varchar(64),
        CONSTRAINT pk_tier_changes PRIMARY KEY (member_id, change_no)
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_member_tiers_due_at ON member_tiers (due_at, member_id) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_member_tiers_rules_from ON member_tiers (rules_from, member_id)",
)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("tier_changes", "member_tiers", "tier_progress"):
        op.execute(f"DROP TABLE {table}")
