"""What time does by itself: the job queue, when each member is due, announced expiries, the sandbox's clock.

The queue's tables, functions and triggers are procrastinate's own and lie in a schema of their own, so that the rules
of our tables (keys by member, no triggers, nothing but ``bigint`` identities) stay rules without exceptions, and a
downgrade drops all of it at once. Its functions name their tables without a schema: each is told where to look, so
that a job can be deferred in a transaction that looks elsewhere.
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FUNCTIONS_LOOK_HERE = """
DO $$
DECLARE found regprocedure;
BEGIN
    FOR found IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'jobs'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = jobs, pg_temp', found);
    END LOOP;
END;
$$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path = jobs")
    # By the driver: it is many statements, and its casts and comments hold what others take for parameters.
    op.get_bind().connection.driver_connection.execute(SchemaManager.get_schema())
    op.execute("RESET search_path")
    op.execute(_FUNCTIONS_LOOK_HERE)
    # Jobs walk through the members that are due in the order in which they became so.
    op.execute(
        "CREATE INDEX ix_balances_next_due_at ON balances (next_due_at, member_id) WHERE next_due_at IS NOT NULL"
    )
    op.execute("ALTER TABLE lots ADD COLUMN awaits varchar(40)")
    op.execute(
        """
        CREATE TABLE announced_expiries (
            member_id uuid NOT NULL,
            expires_at timestamptz NOT NULL,
            announced_at timestamptz NOT NULL,
            CONSTRAINT pk_announced_expiries PRIMARY KEY (member_id, expires_at)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE sandbox_clock (
            one boolean NOT NULL DEFAULT true,
            moment timestamptz NOT NULL,
            CONSTRAINT pk_sandbox_clock PRIMARY KEY (one),
            CONSTRAINT ck_sandbox_clock_one CHECK (one)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE sandbox_clock")
    op.execute("DROP TABLE announced_expiries")
    op.execute("ALTER TABLE lots DROP COLUMN awaits")
    op.execute("DROP INDEX ix_balances_next_due_at")
    op.execute("DROP SCHEMA jobs CASCADE")
