"""Coupons: batches of codes, each code under its keyed hash, whose personal ones are, and every use.

No code stands anywhere in clear: a batch keeps a sealed secret from which its codes are worked out, until they have
been handed out. How often a code was used is a counter that cannot pass what it may be; the uses themselves lie with
the member (or the store's walk-in account) whose purchase it was.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE coupon_batches (
        batch_id uuid NOT NULL,
        name varchar(80) NOT NULL,
        kind varchar(8) NOT NULL,
        total integer NOT NULL,
        made integer NOT NULL DEFAULT 0,
        uses integer NOT NULL,
        valid_from timestamptz,
        valid_until timestamptz,
        stores text[] NOT NULL,
        audience jsonb,
        needs_activation boolean NOT NULL,
        note varchar(500),
        secret bytea,
        handed_to varchar(64),
        handed_out_at timestamptz,
        blocked_at timestamptz,
        blocked_by varchar(64),
        created_at timestamptz NOT NULL,
        created_by varchar(64) NOT NULL,
        CONSTRAINT pk_coupon_batches PRIMARY KEY (batch_id),
        CONSTRAINT ck_coupon_batches_kind CHECK (kind IN ('single', 'limited', 'personal')),
        CONSTRAINT ck_coupon_batches_made CHECK (total > 0 AND made BETWEEN 0 AND total),
        CONSTRAINT ck_coupon_batches_uses CHECK (uses > 0)
    )
    """,
    """
    CREATE TABLE coupon_codes (
        blind bytea NOT NULL,
        coupon_id uuid NOT NULL,
        batch_id uuid NOT NULL,
        member_id uuid,
        tail varchar(4) NOT NULL,
        uses integer NOT NULL DEFAULT 0,
        most_uses integer NOT NULL,
        given_back integer NOT NULL DEFAULT 0,
        activated_at timestamptz,
        blocked_at timestamptz,
        CONSTRAINT pk_coupon_codes PRIMARY KEY (blind),
        CONSTRAINT ck_coupon_codes_uses CHECK (uses BETWEEN 0 AND most_uses),
        CONSTRAINT ck_coupon_codes_given_back CHECK (given_back >= 0)
    )
    """,
    """
    CREATE TABLE member_coupons (
        member_id uuid NOT NULL,
        coupon_id uuid NOT NULL,
        batch_id uuid NOT NULL,
        blind bytea,
        CONSTRAINT pk_member_coupons PRIMARY KEY (member_id, coupon_id)
    )
    """,
    """
    CREATE TABLE coupon_uses (
        member_id uuid NOT NULL,
        purchase_id uuid NOT NULL,
        coupon_id uuid NOT NULL,
        blind bytea NOT NULL,
        store_id varchar(44) NOT NULL,
        terminal varchar(32) NOT NULL,
        reference varchar(64) NOT NULL,
        client_id varchar(64) NOT NULL,
        cashier varchar(64),
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        given_back_at timestamptz,
        given_back_by uuid,
        CONSTRAINT pk_coupon_uses PRIMARY KEY (member_id, purchase_id, coupon_id),
        CONSTRAINT ck_coupon_uses_given_back CHECK ((given_back_at IS NULL) = (given_back_by IS NULL))
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_coupon_batches_name ON coupon_batches (name)",
    "CREATE INDEX ix_coupon_batches_unmade ON coupon_batches (batch_id) WHERE made < total AND blocked_at IS NULL",
    "CREATE INDEX ix_coupon_codes_coupon_id ON coupon_codes (coupon_id)",
    "CREATE INDEX ix_member_coupons_coupon_id ON member_coupons (coupon_id)",
    "CREATE INDEX ix_coupon_uses_coupon_id ON coupon_uses (coupon_id, recorded_at DESC, purchase_id DESC)",
)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("coupon_uses", "member_coupons", "coupon_codes", "coupon_batches"):
        op.execute(f"DROP TABLE {table}")
