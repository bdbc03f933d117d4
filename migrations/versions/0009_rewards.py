"""Points that are used: holds, what they can buy, redemptions with their codes and orders, and corrections.

``holds`` belong to the ledger: the points that lie in ``held``, by lot, and when they return by themselves. A
redemption keeps the lots it took, so that what is given back goes where it came from. A reward's stock is a counter
that cannot fall below zero. Codes are kept as keyed hashes in a look-up table of their own. Notes on corrections are
sealed under the member's key, so that erasing the member makes them unreadable.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE holds (
        member_id uuid NOT NULL,
        hold_id uuid NOT NULL,
        ordinal smallint NOT NULL,
        lot_id uuid NOT NULL,
        points bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_holds PRIMARY KEY (member_id, hold_id, ordinal),
        CONSTRAINT ck_holds_points CHECK (points > 0)
    )
    """,
    """
    CREATE TABLE rewards (
        reward_id uuid NOT NULL,
        kind varchar(16) NOT NULL,
        status varchar(16) NOT NULL,
        document jsonb NOT NULL,
        revision integer NOT NULL,
        stock_left bigint,
        stock_taken bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        created_by varchar(64) NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_rewards PRIMARY KEY (reward_id),
        CONSTRAINT ck_rewards_stock_left CHECK (stock_left >= 0),
        CONSTRAINT ck_rewards_stock_taken CHECK (stock_taken >= 0)
    )
    """,
    """
    CREATE TABLE redemptions (
        member_id uuid NOT NULL,
        redemption_id uuid NOT NULL,
        purpose varchar(8) NOT NULL,
        status varchar(16) NOT NULL,
        points bigint NOT NULL,
        amount bigint,
        currency char(3) NOT NULL,
        rate jsonb,
        reward_id uuid,
        quantity integer NOT NULL DEFAULT 1,
        takes_stock boolean NOT NULL DEFAULT false,
        store_id varchar(44),
        terminal varchar(32),
        cashier varchar(64),
        channel varchar(16) NOT NULL,
        client_id varchar(64) NOT NULL,
        actor_kind varchar(16) NOT NULL,
        held_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        lots jsonb NOT NULL,
        captured_points bigint NOT NULL DEFAULT 0,
        captured_amount bigint NOT NULL DEFAULT 0,
        captured_debt bigint NOT NULL DEFAULT 0,
        captured_at timestamptz,
        reversed_points bigint NOT NULL DEFAULT 0,
        reversed_amount bigint NOT NULL DEFAULT 0,
        reversed_because varchar(40),
        purchase_id uuid,
        ended_at timestamptz,
        CONSTRAINT pk_redemptions PRIMARY KEY (member_id, redemption_id),
        CONSTRAINT ck_redemptions_status CHECK (status IN ('held', 'captured', 'partly_reversed', 'reversed',
            'released', 'expired')),
        CONSTRAINT ck_redemptions_points CHECK (points > 0 AND quantity > 0),
        CONSTRAINT ck_redemptions_captured CHECK (captured_points BETWEEN 0 AND points
            AND captured_debt BETWEEN 0 AND captured_points),
        CONSTRAINT ck_redemptions_reversed CHECK (reversed_points BETWEEN 0 AND captured_points)
    )
    """,
    """
    CREATE TABLE reward_codes (
        blind bytea NOT NULL,
        member_id uuid NOT NULL,
        redemption_id uuid NOT NULL,
        state varchar(8) NOT NULL,
        used_at timestamptz,
        used_store varchar(44),
        used_terminal varchar(32),
        used_reference varchar(64),
        used_by varchar(64),
        CONSTRAINT pk_reward_codes PRIMARY KEY (blind),
        CONSTRAINT ck_reward_codes_state CHECK (state IN ('issued', 'used'))
    )
    """,
    """
    CREATE TABLE reward_orders (
        member_id uuid NOT NULL,
        redemption_id uuid NOT NULL,
        reward_id uuid NOT NULL,
        quantity integer NOT NULL,
        fulfilment varchar(16) NOT NULL,
        store_id varchar(44),
        state varchar(16) NOT NULL,
        issued_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by varchar(64) NOT NULL,
        CONSTRAINT pk_reward_orders PRIMARY KEY (member_id, redemption_id),
        CONSTRAINT ck_reward_orders_state CHECK (state IN ('issued', 'ready', 'handed_over', 'cancelled'))
    )
    """,
    """
    CREATE TABLE app_codes (
        member_id uuid NOT NULL,
        blind bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        attempts smallint NOT NULL DEFAULT 0,
        CONSTRAINT pk_app_codes PRIMARY KEY (member_id)
    )
    """,
    """
    CREATE TABLE adjustments (
        member_id uuid NOT NULL,
        adjustment_id uuid NOT NULL,
        points bigint NOT NULL,
        reason varchar(24) NOT NULL,
        note bytea,
        actor_kind varchar(16) NOT NULL,
        client_id varchar(64) NOT NULL,
        cashier varchar(64),
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_adjustments PRIMARY KEY (member_id, adjustment_id),
        CONSTRAINT ck_adjustments_points CHECK (points <> 0)
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_redemptions_redemption_id ON redemptions (redemption_id)",
    "CREATE INDEX ix_redemptions_due ON redemptions (expires_at, member_id) WHERE status = 'held'",
    "CREATE INDEX ix_redemptions_reward_id ON redemptions (reward_id, expires_at)"
    " WHERE status = 'held' AND takes_stock",
    "CREATE INDEX ix_redemptions_member_id ON redemptions (member_id, held_at DESC, redemption_id DESC)",
    "CREATE INDEX ix_redemptions_purchase_id ON redemptions (member_id, purchase_id) WHERE purchase_id IS NOT NULL",
    "CREATE INDEX ix_reward_orders_store_id ON reward_orders (store_id, state, issued_at)",
    "CREATE INDEX ix_reward_orders_redemption_id ON reward_orders (redemption_id)",
    "CREATE INDEX ix_adjustments_client_id ON adjustments (client_id, created_at)",
)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "adjustments", "app_codes", "reward_orders", "reward_codes", "redemptions", "rewards", "holds",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
