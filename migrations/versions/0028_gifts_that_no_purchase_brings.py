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
    "ALTER TABLE members ADD COLUMN no_gifts boolean NOT NULL DEFAULT false",
    "ALTER TABLE members ADD COLUMN no_profiling boolean NOT NULL DEFAULT false",
    "ALTER TABLE member_profiles ADD COLUMN birthday bytea",
)
TABLES = (
    """
    CREATE TABLE gift_occasions (
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
    CREATE TABLE gift_walks (
        rule varchar(64) NOT NULL,
        through date NOT NULL,
        CONSTRAINT pk_gift_walks PRIMARY KEY (rule)
    )
    """,
    """
    CREATE TABLE gift_lists (
        list_id uuid NOT NULL,
        rule varchar(64) NOT NULL,
        name varchar(80) NOT NULL,
        created_at timestamptz NOT NULL,
        created_by varchar(64) NOT NULL,
        CONSTRAINT pk_gift_lists PRIMARY KEY (list_id)
    )
    """,
    """
    CREATE TABLE staff_gifts (
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
    "CREATE INDEX ix_gift_occasions_waiting ON gift_occasions (rule, member_id, occasion) WHERE state = 'waiting'",
    "CREATE INDEX ix_gift_occasions_list_id ON gift_occasions (list_id, member_id) WHERE list_id IS NOT NULL",
    "CREATE INDEX ix_staff_gifts_gift_id ON staff_gifts (gift_id)",
    "CREATE INDEX ix_staff_gifts_staff_ref ON staff_gifts (staff_ref, gift_id)",
)
ON_TABLES_IN_USE = (
    "CREATE INDEX CONCURRENTLY ix_member_profiles_birthday ON member_profiles (birthday, member_id)"
    " WHERE birthday <> ''::bytea",
    "CREATE INDEX CONCURRENTLY ix_member_profiles_unread ON member_profiles (member_id) WHERE birthday IS NULL",
    "CREATE INDEX CONCURRENTLY ix_purchases_occurred_at ON purchases (occurred_at)",
)


def upgrade() -> None:
    """Columns and tables at once, indexes on what is in use one by one."""
    for statement in COLUMNS + TABLES + INDEXES:
        op.execute(statement)
    with op.get_context().autocommit_block():
        for statement in ON_TABLES_IN_USE:
            op.execute(statement)


def downgrade() -> None:
    """Forget what is due and who gave; gifts that were given stay."""
    with op.get_context().autocommit_block():
        for index in ("ix_purchases_occurred_at", "ix_member_profiles_unread", "ix_member_profiles_birthday"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
    for table in ("staff_gifts", "gift_lists", "gift_walks", "gift_occasions"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE member_profiles DROP COLUMN birthday")
    for column in ("no_profiling", "no_gifts"):
        op.execute(f"ALTER TABLE members DROP COLUMN {column}")
