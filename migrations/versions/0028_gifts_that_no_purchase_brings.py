"""Gifts that time, a list or a person brings: whom they are due to, who gave them, and who wants none.

``gift_occasions`` has a row for each member, rule and occasion, so that nobody gets a gift twice for one birthday;
``gift_walks`` says through which day a rule's occasions were looked for. Columns that are new may be left out: the
version before writes profiles without a birthday's index, and a job indexes those that have none. Purchases are found
by their day through an index that grows at its end only, which costs a till next to nothing.
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

COLUMNS = (
    "ALTER TABLE members ADD COLUMN IF NOT EXISTS no_gifts boolean NOT NULL DEFAULT false",
    "ALTER TABLE members ADD COLUMN IF NOT EXISTS no_profiling boolean NOT NULL DEFAULT false",
    "ALTER TABLE member_profiles ADD COLUMN IF NOT EXISTS birthday bytea",
)
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS gift_occasions (
        member_id uuid NOT NULL,
        rule varchar(64) NOT NULL,
        occasion varchar(80) NOT NULL,
        due_on date NOT NULL,
        list_id uuid,
        state varchar(8) NOT NULL DEFAULT 'waiting',
        reason varchar(40),
        gift_id uuid,
        noted_at timestamptz NOT NULL,
        settled_at timestamptz,
        CONSTRAINT pk_gift_occasions PRIMARY KEY (member_id, rule, occasion),
        CONSTRAINT ck_gift_occasions_state CHECK (state IN ('waiting', 'given', 'refused')),
        CONSTRAINT ck_gift_occasions_given CHECK ((state = 'given') = (gift_id IS NOT NULL)),
        CONSTRAINT ck_gift_occasions_settled CHECK ((state = 'waiting') = (settled_at IS NULL))
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS gift_walks (
        rule varchar(64) NOT NULL,
        through date NOT NULL,
        CONSTRAINT pk_gift_walks PRIMARY KEY (rule)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS gift_lists (
        list_id uuid NOT NULL,
        rule varchar(64) NOT NULL,
        name varchar(80) NOT NULL,
        created_at timestamptz NOT NULL,
        created_by varchar(64) NOT NULL,
        CONSTRAINT pk_gift_lists PRIMARY KEY (list_id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS staff_gifts (
        member_id uuid NOT NULL,
        gift_id uuid NOT NULL,
        rule varchar(64) NOT NULL,
        staff_ref varchar(64) NOT NULL,
        given_on date NOT NULL,
        cost bigint NOT NULL,
        reason varchar(40) NOT NULL,
        note bytea,
        claims jsonb NOT NULL,
        store_id varchar(44),
        actor_kind varchar(16) NOT NULL,
        client_id varchar(64) NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_staff_gifts PRIMARY KEY (member_id, gift_id)
    )
    """,
)
INDEXES = (
    "CREATE INDEX IF NOT EXISTS ix_gift_occasions_waiting ON gift_occasions (rule, member_id, occasion)"
    " WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS ix_gift_occasions_list_id ON gift_occasions (list_id, member_id)"
    " WHERE list_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ix_staff_gifts_gift_id ON staff_gifts (gift_id)",
    "CREATE INDEX IF NOT EXISTS ix_staff_gifts_staff_ref ON staff_gifts (staff_ref, gift_id)",
)
# By name: what an interrupted run left behind is not whole, so it is made anew.
ON_TABLES_IN_USE = {
    "ix_member_profiles_birthday": "member_profiles (birthday, member_id) WHERE birthday <> ''::bytea",
    "ix_member_profiles_unread": "member_profiles (member_id) WHERE birthday IS NULL",
    "ix_purchases_occurred_at": "purchases (occurred_at)",
}


def upgrade() -> None:
    """Columns and tables at once, indexes on what is in use one by one; interrupted, it can be run again."""
    for statement in COLUMNS + TABLES + INDEXES:
        op.execute(statement)
    with op.get_context().autocommit_block():
        for index, on in ON_TABLES_IN_USE.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
            op.execute(f"CREATE INDEX CONCURRENTLY {index} ON {on}")


def downgrade() -> None:
    """Forget what is due and who gave; gifts that were given stay."""
    with op.get_context().autocommit_block():
        for index in ON_TABLES_IN_USE:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
    for table in ("staff_gifts", "gift_lists", "gift_walks", "gift_occasions"):
        op.execute(f"DROP TABLE IF EXISTS {table}")
    op.execute("ALTER TABLE member_profiles DROP COLUMN IF EXISTS birthday")
    for column in ("no_profiling", "no_gifts"):
        op.execute(f"ALTER TABLE members DROP COLUMN IF EXISTS {column}")
