"""The outbox and the record of answered requests.

Both belong to no feature: every feature writes events, and every write is answered once per key.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE events (
            member_id uuid NOT NULL,
            event_id bigint GENERATED ALWAYS AS IDENTITY,
            kind varchar(64) NOT NULL,
            subject varchar(64) NOT NULL,
            occurred_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            body jsonb NOT NULL DEFAULT '{}',
            position bigint,
            reaction_due boolean NOT NULL DEFAULT false,
            CONSTRAINT pk_events PRIMARY KEY (member_id, event_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_events_position ON events (position) WHERE position IS NOT NULL")
    op.execute("CREATE INDEX ix_events_unsettled ON events (event_id) WHERE position IS NULL")
    op.execute("CREATE INDEX ix_events_reaction_due ON events (event_id) WHERE reaction_due")
    op.execute(
        """
        CREATE TABLE idempotency_keys (
            client_id varchar(64) NOT NULL,
            key varchar(128) NOT NULL,
            fingerprint bytea NOT NULL,
            status smallint,
            headers jsonb,
            answer bytea,
            owner_id uuid,
            created_at timestamptz NOT NULL,
            CONSTRAINT pk_idempotency_keys PRIMARY KEY (client_id, key)
        )
        """
    )
    op.execute("CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency_keys")
    op.execute("DROP TABLE events")
