"""Gifts: what a member was given, by which rule and why, and what became of it.

A gift lies with its member. What it is and the numbers behind it are kept as they were when it was granted; the claims
are what comes back of counters and limits when it is taken back. Under one ``once_key`` a rule gives to a member once.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLE = """
    CREATE TABLE gifts (
        member_id uuid NOT NULL,
        gift_id uuid NOT NULL,
        rule varchar(64) NOT NULL,
        program_version integer NOT NULL,
        trigger varchar(16) NOT NULL,
        kind varchar(16) NOT NULL,
        state varchar(16) NOT NULL,
        give jsonb NOT NULL,
        why jsonb NOT NULL,
        cost bigint NOT NULL,
        claims jsonb NOT NULL,
        cause_type varchar(16) NOT NULL,
        cause_id uuid,
        once_key varchar(80),
        purchase_id uuid,
        store_id varchar(44),
        client_id varchar(64),
        granted_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        remind_at timestamptz,
        shown_at timestamptz,
        claimed_at timestamptz,
        handed_over_at timestamptz,
        handed_over_store varchar(44),
        handed_over_by varchar(64),
        ended_at timestamptz,
        taken_back_by uuid,
        state_before varchar(16),
        result jsonb NOT NULL,
        CONSTRAINT pk_gifts PRIMARY KEY (member_id, gift_id),
        CONSTRAINT ck_gifts_state CHECK (state IN ('granted', 'shown', 'claimed', 'handed_over', 'expired',
            'taken_back')),
        CONSTRAINT ck_gifts_cost CHECK (cost >= 0),
        CONSTRAINT ck_gifts_handed_over CHECK (state <> 'handed_over' OR handed_over_at IS NOT NULL),
        CONSTRAINT ck_gifts_remind_at CHECK (remind_at IS NULL OR state IN ('granted', 'shown', 'claimed')),
        CONSTRAINT ck_gifts_taken_back CHECK ((state = 'taken_back') = (taken_back_by IS NOT NULL))
    )
"""
INDEXES = (
    "CREATE INDEX ix_gifts_gift_id ON gifts (gift_id)",
    "CREATE UNIQUE INDEX uq_gifts_member_id ON gifts (member_id, rule, once_key) WHERE once_key IS NOT NULL",
    "CREATE INDEX ix_gifts_purchase_id ON gifts (member_id, purchase_id) WHERE purchase_id IS NOT NULL",
    "CREATE INDEX ix_gifts_expires_at ON gifts (expires_at) WHERE state IN ('granted', 'shown', 'claimed')",
    "CREATE INDEX ix_gifts_remind_at ON gifts (remind_at) WHERE remind_at IS NOT NULL",
)


def upgrade() -> None:
    """The table and what it is read by."""
    for statement in (TABLE, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    """Forget all gifts."""
    op.execute("DROP TABLE gifts")
