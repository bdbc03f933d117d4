"""Coupons beside those of a batch that was made: given one by one, and codes that the merchant brings.

What one rule gives under one name is a batch that nobody asked for: it has no number of codes to be made and no secret,
and each of its coupons has a window of its own and comes back when what it was given for does. A code that was brought
may lead to several coupons, of several batches: it counts by the one that is for who shows it.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

UP = (
    # Rows that are there fulfil the stricter check before it: none of them is read again.
    "ALTER TABLE coupon_batches ADD COLUMN giver varchar(80), ADD COLUMN brought boolean NOT NULL DEFAULT false,"
    " DROP CONSTRAINT ck_coupon_batches_made, ADD CONSTRAINT ck_coupon_batches_made"
    " CHECK (total >= CASE WHEN giver IS NULL THEN 1 ELSE 0 END AND made BETWEEN 0 AND total) NOT VALID",
    "ALTER TABLE coupon_codes ADD COLUMN name varchar(80), ADD COLUMN valid_from timestamptz,"
    " ADD COLUMN valid_until timestamptz, ADD COLUMN taken_back_by uuid",
    """
    CREATE TABLE given_coupons (
        batch_id uuid NOT NULL,
        coupon_id uuid NOT NULL,
        blind bytea NOT NULL,
        given_at timestamptz NOT NULL,
        CONSTRAINT pk_given_coupons PRIMARY KEY (batch_id, coupon_id)
    )
    """,
    """
    CREATE TABLE brought_codes (
        blind bytea NOT NULL,
        coupon_blind bytea NOT NULL,
        name varchar(80),
        CONSTRAINT pk_brought_codes PRIMARY KEY (blind, coupon_blind)
    )
    """,
    "CREATE INDEX ix_brought_codes_name ON brought_codes (name) WHERE name IS NOT NULL",
)
DOWN = (
    "DROP TABLE brought_codes",
    "DROP TABLE given_coupons",
    "DELETE FROM coupon_codes c USING coupon_batches b"
    " WHERE b.batch_id = c.batch_id AND (b.giver IS NOT NULL OR b.brought)",
    "DELETE FROM member_coupons m USING coupon_batches b WHERE b.batch_id = m.batch_id AND b.giver IS NOT NULL",
    "DELETE FROM coupon_batches WHERE giver IS NOT NULL OR brought",
    "ALTER TABLE coupon_codes DROP COLUMN name, DROP COLUMN valid_from, DROP COLUMN valid_until,"
    " DROP COLUMN taken_back_by",
    "ALTER TABLE coupon_batches DROP CONSTRAINT ck_coupon_batches_made, DROP COLUMN giver, DROP COLUMN brought,"
    " ADD CONSTRAINT ck_coupon_batches_made CHECK (total > 0 AND made BETWEEN 0 AND total)",
)


def upgrade() -> None:
    """What coupons that were given, and codes that were brought, are kept in."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Forget those coupons: the version before does not know them."""
    for statement in DOWN:
        op.execute(statement)
