"""Who may call: clients, the keys that sign their tokens, and the data keys that values are sealed under.

Clients and signing keys are few and belong to the whole program; a data key belongs to its owner.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE data_keys (
            owner_id uuid NOT NULL,
            wrapped bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_data_keys PRIMARY KEY (owner_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE clients (
            client_id uuid NOT NULL,
            kind varchar(16) NOT NULL,
            name varchar(200) NOT NULL,
            scopes text[] NOT NULL,
            store_id varchar(64),
            rate integer NOT NULL,
            secret_hash bytea NOT NULL,
            epoch integer NOT NULL DEFAULT 1,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL,
            created_by varchar(64) NOT NULL,
            changed_at timestamptz NOT NULL,
            changed_by varchar(64) NOT NULL,
            revoked_at timestamptz,
            CONSTRAINT pk_clients PRIMARY KEY (client_id),
            CONSTRAINT ck_clients_kind CHECK (kind IN ('terminal', 'staff', 'mobile', 'partner', 'admin')),
            CONSTRAINT ck_clients_terminal_has_store CHECK (kind <> 'terminal' OR store_id IS NOT NULL),
            CONSTRAINT ck_clients_rate CHECK (rate > 0),
            CONSTRAINT ck_clients_secret_hash CHECK (length(secret_hash) = 32)
        )
        """
    )
    op.execute("CREATE INDEX ix_clients_changed_at ON clients (changed_at)")
    op.execute(
        """
        CREATE TABLE signing_keys (
            kid varchar(64) NOT NULL,
            private_key bytea NOT NULL,
            public_jwk jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            use_from timestamptz NOT NULL,
            verify_until timestamptz,
            CONSTRAINT pk_signing_keys PRIMARY KEY (kid)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE signing_keys")
    op.execute("DROP TABLE clients")
    op.execute("DROP TABLE data_keys")
