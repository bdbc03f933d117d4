"""Purchases: what was sold, as the till charged it, with the decision that was made about it.

The receipt (store, terminal, business date, reference) is unique for ever in a look-up table keyed by itself. A
purchase without a member lies under its store's walk-in account; ``locators`` say under whom a purchase lies.
Baskets hold no identifier: what was scanned and not known is kept as a blind index only.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE receipts (
        store_id varchar(44) NOT NULL,
        terminal varchar(32) NOT NULL,
        business_date date NOT NULL,
        reference varchar(64) NOT NULL,
        purchase_id uuid NOT NULL,
        content bytea NOT NULL,
        CONSTRAINT pk_receipts PRIMARY KEY (store_id, business_date, reference, terminal)
    )
    """,
    """
    CREATE TABLE locators (
        id uuid NOT NULL,
        member_id uuid NOT NULL,
        CONSTRAINT pk_locators PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE purchases (
        member_id uuid NOT NULL,
        purchase_id uuid NOT NULL,
        store_id varchar(44) NOT NULL,
        terminal varchar(32) NOT NULL,
        business_date date NOT NULL,
        reference varchar(64) NOT NULL,
        kind varchar(16) NOT NULL,
        channel varchar(16) NOT NULL,
        status varchar(16) NOT NULL,
        match varchar(20) NOT NULL,
        occurred_at timestamptz NOT NULL,
        utc_offset smallint NOT NULL,
        recorded_at timestamptz NOT NULL,
        currency char(3) NOT NULL,
        total bigint NOT NULL,
        paid bigint NOT NULL,
        line_count smallint NOT NULL,
        client_id varchar(64) NOT NULL,
        cashier varchar(64),
        person_id uuid,
        program_version integer,
        points_base bigint NOT NULL DEFAULT 0,
        points_bonus bigint NOT NULL DEFAULT 0,
        receipt jsonb NOT NULL,
        facts jsonb,
        decision jsonb,
        outcome jsonb NOT NULL,
        CONSTRAINT pk_purchases PRIMARY KEY (member_id, purchase_id),
        CONSTRAINT ck_purchases_points CHECK (points_base >= 0 AND points_bonus >= 0)
    )
    """,
    """
    CREATE TABLE purchase_lines (
        member_id uuid NOT NULL,
        purchase_id uuid NOT NULL,
        line_no smallint NOT NULL,
        line_id varchar(36) NOT NULL,
        type varchar(24) NOT NULL,
        sku varchar(64),
        quantity bigint NOT NULL,
        unit varchar(8) NOT NULL,
        amount bigint NOT NULL,
        paid bigint NOT NULL,
        points bigint NOT NULL DEFAULT 0,
        category text[],
        department varchar(120),
        brand varchar(120),
        legal_class varchar(40),
        tax_rate varchar(16),
        discounts jsonb,
        CONSTRAINT pk_purchase_lines PRIMARY KEY (member_id, purchase_id, line_no)
    )
    """,
    """
    CREATE TABLE unattached_receipts (
        kind varchar(20) NOT NULL,
        blind bytea NOT NULL,
        purchase_id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        CONSTRAINT pk_unattached_receipts PRIMARY KEY (kind, blind, purchase_id)
    )
    """,
    """
    CREATE TABLE claim_codes (
        blind bytea NOT NULL,
        purchase_id uuid NOT NULL,
        CONSTRAINT pk_claim_codes PRIMARY KEY (blind)
    )
    """,
    """
    CREATE TABLE claims (
        member_id uuid NOT NULL,
        claim_id uuid NOT NULL,
        state varchar(16) NOT NULL,
        store_id varchar(44),
        business_date date,
        reference varchar(64),
        total bigint,
        purchase_id uuid,
        points bigint NOT NULL DEFAULT 0,
        actor_kind varchar(16) NOT NULL,
        actor_id varchar(64) NOT NULL,
        created_at timestamptz NOT NULL,
        decided_at timestamptz,
        CONSTRAINT pk_claims PRIMARY KEY (member_id, claim_id)
    )
    """,
    """
    CREATE TABLE awaited_receipts (
        store_id varchar(44) NOT NULL,
        business_date date NOT NULL,
        reference varchar(64) NOT NULL,
        claim_id uuid NOT NULL,
        member_id uuid NOT NULL,
        CONSTRAINT pk_awaited_receipts PRIMARY KEY (store_id, business_date, reference, claim_id)
    )
    """,
    """
    CREATE TABLE rejects (
        reject_id uuid NOT NULL,
        client_id varchar(64) NOT NULL,
        store_id varchar(44),
        type varchar(16) NOT NULL,
        reference varchar(64),
        code varchar(64) NOT NULL,
        errors jsonb NOT NULL,
        sealed bytea NOT NULL,
        fingerprint bytea NOT NULL,
        created_at timestamptz NOT NULL,
        cleared_at timestamptz,
        cleared_by varchar(64),
        note varchar(500),
        CONSTRAINT pk_rejects PRIMARY KEY (reject_id)
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_purchases_member_id ON purchases (member_id, occurred_at DESC, purchase_id DESC)",
    "CREATE INDEX ix_claims_actor_id ON claims (actor_id, created_at)",
    "CREATE UNIQUE INDEX uq_rejects_client_id ON rejects (client_id, fingerprint)",
    "CREATE INDEX ix_rejects_open ON rejects (created_at, reject_id) WHERE cleared_at IS NULL",
)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "rejects", "awaited_receipts", "claims", "claim_codes", "unattached_receipts",
        "purchase_lines", "purchases", "locators", "receipts",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
