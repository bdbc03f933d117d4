"""Returns: what came back, of which purchase, and what was done about its points.

A return's receipt is unique for ever, in a look-up of its own: tills number sales and returns as they like. One that
names a receipt we do not have yet waits in ``awaited_returns``, keyed by that receipt, and lies under the walk-in
account of the store that took the goods back until it is known whose they were.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE return_receipts (
        store_id varchar(44) NOT NULL,
        terminal varchar(32) NOT NULL,
        business_date date NOT NULL,
        reference varchar(64) NOT NULL,
        return_id uuid NOT NULL,
        content bytea NOT NULL,
        CONSTRAINT pk_return_receipts PRIMARY KEY (store_id, business_date, reference, terminal)
    )
    """,
    """
    CREATE TABLE returns (
        member_id uuid NOT NULL,
        return_id uuid NOT NULL,
        store_id varchar(44) NOT NULL,
        terminal varchar(32),
        business_date date,
        reference varchar(64),
        kind varchar(20) NOT NULL,
        status varchar(16) NOT NULL,
        reason varchar(200),
        exchange_reference varchar(64),
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        currency char(3),
        purchase_id uuid,
        client_id varchar(64) NOT NULL,
        cashier varchar(64),
        points_taken_back bigint NOT NULL DEFAULT 0,
        points_given_back bigint NOT NULL DEFAULT 0,
        refundable bigint NOT NULL DEFAULT 0,
        body jsonb NOT NULL,
        outcome jsonb NOT NULL,
        CONSTRAINT pk_returns PRIMARY KEY (member_id, return_id),
        CONSTRAINT ck_returns_points CHECK (points_taken_back >= 0 AND points_given_back >= 0)
    )
    """,
    """
    CREATE TABLE return_lines (
        member_id uuid NOT NULL,
        return_id uuid NOT NULL,
        line_no smallint NOT NULL,
        purchase_id uuid,
        line_id varchar(36) NOT NULL,
        sku varchar(64),
        quantity bigint NOT NULL,
        value bigint NOT NULL,
        money bigint NOT NULL,
        points_part bigint NOT NULL,
        points_taken_back bigint NOT NULL,
        points_given_back bigint NOT NULL,
        CONSTRAINT pk_return_lines PRIMARY KEY (member_id, return_id, line_no)
    )
    """,
    """
    CREATE TABLE awaited_returns (
        store_id varchar(44) NOT NULL,
        terminal varchar(32) NOT NULL,
        business_date date NOT NULL,
        reference varchar(64) NOT NULL,
        return_id uuid NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_awaited_returns PRIMARY KEY (store_id, business_date, reference, terminal, return_id)
    )
    """,
)
INDEXES = ("CREATE INDEX ix_awaited_returns_recorded_at ON awaited_returns (recorded_at)",)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM locators l USING returns r WHERE l.id = r.return_id")
    for table in ("awaited_returns", "return_lines", "returns", "return_receipts"):
        op.execute(f"DROP TABLE {table}")
