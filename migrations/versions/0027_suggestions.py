"""Suggestions: what was bought together, counted anew from time to time.

Each refresh has a number, and its rows are written under it before it is finished; readers look at the newest that is.
A product's partners stand in its own row, by their numbers within the refresh. Reference tables: small, read whole.
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE suggestion_refreshes (
        refresh integer NOT NULL,
        began_at timestamptz NOT NULL,
        finished_at timestamptz,
        weeks integer NOT NULL,
        min_baskets integer NOT NULL,
        min_lift_percent integer NOT NULL,
        every integer NOT NULL DEFAULT 1,
        baskets bigint NOT NULL DEFAULT 0,
        products integer NOT NULL DEFAULT 0,
        pairs bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_suggestion_refreshes PRIMARY KEY (refresh)
    )
    """,
    """
    CREATE TABLE suggestion_products (
        refresh integer NOT NULL,
        number integer NOT NULL,
        sku varchar(64) NOT NULL,
        baskets integer NOT NULL,
        price bigint,
        others integer[] NOT NULL,
        together integer[] NOT NULL,
        CONSTRAINT pk_suggestion_products PRIMARY KEY (refresh, number)
    )
    """,
    """
    CREATE TABLE suggestion_stores (
        refresh integer NOT NULL,
        store_id varchar(44) NOT NULL,
        baskets integer NOT NULL,
        products integer[] NOT NULL,
        sold integer[] NOT NULL,
        CONSTRAINT pk_suggestion_stores PRIMARY KEY (refresh, store_id)
    )
    """,
)


def upgrade() -> None:
    """Room for what is counted."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """It can be counted again."""
    for table in ("suggestion_stores", "suggestion_products", "suggestion_refreshes"):
        op.execute(f"DROP TABLE {table}")
