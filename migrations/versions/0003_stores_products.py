"""The master: stores and products as the merchant keeps them, and a version for each that caches compare.

All three are small or read far more than written; they are reference tables when members are distributed.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE master_versions (
            name varchar(16) NOT NULL,
            version bigint NOT NULL,
            CONSTRAINT pk_master_versions PRIMARY KEY (name)
        )
        """
    )
    op.execute("INSERT INTO master_versions (name, version) VALUES ('stores', 1), ('products', 1)")
    op.execute(
        """
        CREATE TABLE stores (
            store_id text NOT NULL,
            name text NOT NULL,
            time_zone text NOT NULL,
            city text,
            active boolean NOT NULL,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            CONSTRAINT pk_stores PRIMARY KEY (store_id),
            CONSTRAINT ck_stores_store_id CHECK (store_id ~ '^str_[A-Za-z0-9_-]{1,40}$')
        )
        """
    )
    op.execute(
        """
        CREATE TABLE products (
            sku text NOT NULL,
            name text NOT NULL,
            category text[] NOT NULL,
            department text,
            brand text,
            legal_class text,
            deposit bigint NOT NULL,
            unit text NOT NULL,
            cost bigint,
            type text NOT NULL,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            CONSTRAINT pk_products PRIMARY KEY (sku),
            CONSTRAINT ck_products_unit CHECK (unit IN ('each', 'g', 'ml', 'mm')),
            CONSTRAINT ck_products_deposit CHECK (deposit >= 0),
            CONSTRAINT ck_products_cost CHECK (cost >= 0)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE products")
    op.execute("DROP TABLE stores")
    op.execute("DROP TABLE master_versions")
