"""Gifts of rewards become redemptions that nobody pays for, and keep a piece of the reward's stock until then.

The version before writes neither: it leaves the new column to its default, and its redemptions have points.
"""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE gifts ADD COLUMN IF NOT EXISTS reward_id uuid, ADD COLUMN IF NOT EXISTS redemption_id uuid,"
    " ADD COLUMN IF NOT EXISTS takes_stock boolean NOT NULL DEFAULT false",
    # Rows that are there fulfil the stricter check before it: none of them is read again.
    "ALTER TABLE redemptions DROP CONSTRAINT ck_redemptions_points, ADD CONSTRAINT ck_redemptions_points"
    " CHECK (points >= 0 AND quantity > 0) NOT VALID",
)
# What was given is not known to the version before: pieces that were kept come back, and codes are void.
DOWN = (
    "UPDATE rewards w SET stock_left = stock_left + kept.pieces, stock_taken = stock_taken - kept.pieces FROM"
    " (SELECT reward_id, count(*) AS pieces FROM (SELECT reward_id FROM redemptions WHERE points = 0 AND takes_stock"
    " UNION ALL SELECT reward_id FROM gifts WHERE takes_stock) one GROUP BY 1) kept WHERE w.reward_id = kept.reward_id",
    "DELETE FROM reward_codes c USING redemptions r WHERE r.member_id = c.member_id"
    " AND r.redemption_id = c.redemption_id AND r.points = 0",
    "DELETE FROM reward_orders o USING redemptions r WHERE r.member_id = o.member_id"
    " AND r.redemption_id = o.redemption_id AND r.points = 0",
    "DELETE FROM redemptions WHERE points = 0",
    "ALTER TABLE redemptions DROP CONSTRAINT ck_redemptions_points, ADD CONSTRAINT ck_redemptions_points"
    " CHECK (points > 0 AND quantity > 0)",
    "ALTER TABLE gifts DROP COLUMN reward_id, DROP COLUMN redemption_id, DROP COLUMN takes_stock",
)


def upgrade() -> None:
    """Let redemptions have no points, and gifts a piece of a stock."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Forget what gifts of rewards became."""
    for statement in DOWN:
        op.execute(statement)
