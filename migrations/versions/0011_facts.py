"""Facts: what rules have given to each member in a period, and what has been taken of what they may give in all.

A counter belongs to a member and is written under the member's lock. A limit belongs to a rule; whoever takes of it
holds its row until the transaction ends, and it cannot be taken beyond what a version of the program allowed.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE member_counters (
        member_id uuid NOT NULL,
        key varchar(120) NOT NULL,
        value bigint NOT NULL,
        CONSTRAINT pk_member_counters PRIMARY KEY (member_id, key)
    )
    """,
    """
    CREATE TABLE rule_limits (
        key varchar(120) NOT NULL,
        most bigint NOT NULL,
        taken bigint NOT NULL,
        CONSTRAINT pk_rule_limits PRIMARY KEY (key),
        CONSTRAINT ck_rule_limits_taken CHECK (taken BETWEEN 0 AND most)
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("rule_limits", "member_counters"):
        op.execute(f"DROP TABLE {table}")
