"""Where promotions end: what was told of a budget, and what is held for a quote until its purchase comes.

What a hold takes of a budget is counted in ``rule_limits`` like what purchases take, and ``limit_holds`` says how much
of that is held and until when; a coupon that is held stands in ``coupon_holds`` and is not counted as used. The version
before knows no holds: it counts what they take of budgets as taken, and lets a held coupon be used.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE reservations (
        quote bytea NOT NULL,
        reservation_id uuid NOT NULL,
        member_id uuid NOT NULL,
        store_id varchar(44) NOT NULL,
        client_id varchar(64) NOT NULL,
        status varchar(8) NOT NULL,
        budgets jsonb NOT NULL,
        coupons jsonb NOT NULL,
        redemption_id uuid,
        purchase_id uuid,
        reserved_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_reservations PRIMARY KEY (quote, reservation_id),
        CONSTRAINT ck_reservations_status CHECK (status IN ('held', 'used', 'released', 'expired')),
        CONSTRAINT ck_reservations_ended CHECK ((status = 'held') = (ended_at IS NULL)),
        CONSTRAINT ck_reservations_used CHECK ((status = 'used') = (purchase_id IS NOT NULL))
    )
    """,
    """
    CREATE TABLE limit_holds (
        key varchar(120) NOT NULL,
        reservation_id uuid NOT NULL,
        amount bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_limit_holds PRIMARY KEY (key, reservation_id),
        CONSTRAINT ck_limit_holds_amount CHECK (amount > 0)
    )
    """,
    """
    CREATE TABLE coupon_holds (
        blind bytea NOT NULL,
        reservation_id uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_coupon_holds PRIMARY KEY (blind, reservation_id)
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_limit_holds_reservation_id ON limit_holds (reservation_id)",
    "CREATE INDEX ix_coupon_holds_reservation_id ON coupon_holds (reservation_id)",
    "CREATE UNIQUE INDEX uq_reservations_quote ON reservations (quote) WHERE status = 'held'",
    "CREATE INDEX ix_reservations_reservation_id ON reservations (reservation_id)",
    "CREATE INDEX ix_reservations_due ON reservations (expires_at) WHERE status = 'held'",
)


def upgrade() -> None:
    """What was told of a budget, and three tables of what is held."""
    op.execute("ALTER TABLE rule_limits ADD COLUMN told_most bigint")
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    """What is held comes back, and the tables go."""
    op.execute(
        "UPDATE rule_limits l SET taken = l.taken - h.held FROM (SELECT key, sum(amount) AS held FROM limit_holds"
        " GROUP BY key) h WHERE h.key = l.key"
    )
    for table in ("coupon_holds", "limit_holds", "reservations"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE rule_limits DROP COLUMN told_most")
