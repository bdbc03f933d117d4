"""The ledger: journals of postings, the lots they move, and each member's running balance.

A posting moves a positive number of points from one account to another, so a journal balances by construction.
Journals and postings are append-only for the application's role (``grants.py``). CHECKs hold what must never be
false even if the Python is wrong: no lot and no balance below zero, no lot larger than it was born.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE balances (
            member_id uuid NOT NULL,
            available bigint NOT NULL DEFAULT 0,
            pending bigint NOT NULL DEFAULT 0,
            held bigint NOT NULL DEFAULT 0,
            debt bigint NOT NULL DEFAULT 0,
            earned bigint NOT NULL DEFAULT 0,
            spent bigint NOT NULL DEFAULT 0,
            expired bigint NOT NULL DEFAULT 0,
            adjusted bigint NOT NULL DEFAULT 0,
            next_due_at timestamptz,
            CONSTRAINT pk_balances PRIMARY KEY (member_id),
            CONSTRAINT ck_balances_available CHECK (available >= 0),
            CONSTRAINT ck_balances_pending CHECK (pending >= 0),
            CONSTRAINT ck_balances_held CHECK (held >= 0),
            CONSTRAINT ck_balances_debt CHECK (debt >= 0)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE journals (
            member_id uuid NOT NULL,
            journal_id uuid NOT NULL,
            version bigint NOT NULL,
            kind varchar(16) NOT NULL,
            cause_type varchar(16) NOT NULL,
            cause_id uuid,
            store_id varchar(44),
            reference varchar(64),
            person_id uuid,
            actor_kind varchar(16) NOT NULL,
            actor_id varchar(64),
            reverses uuid,
            occurred_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            available_after bigint NOT NULL,
            pending_after bigint NOT NULL,
            held_after bigint NOT NULL,
            debt_after bigint NOT NULL,
            CONSTRAINT pk_journals PRIMARY KEY (member_id, journal_id)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_journals_member_id ON journals (member_id, version)")
    op.execute("CREATE INDEX ix_journals_journal_id ON journals (journal_id)")
    op.execute(
        """
        CREATE TABLE postings (
            member_id uuid NOT NULL,
            journal_id uuid NOT NULL,
            ordinal smallint NOT NULL,
            from_account varchar(16) NOT NULL,
            to_account varchar(16) NOT NULL,
            points bigint NOT NULL,
            lot_id uuid,
            rule varchar(80),
            program_version integer,
            basis jsonb,
            CONSTRAINT pk_postings PRIMARY KEY (member_id, journal_id, ordinal),
            CONSTRAINT fk_postings_member_id FOREIGN KEY (member_id, journal_id)
                REFERENCES journals (member_id, journal_id),
            CONSTRAINT ck_postings_points CHECK (points > 0),
            CONSTRAINT ck_postings_moves CHECK (from_account <> to_account),
            CONSTRAINT ck_postings_from_account CHECK (from_account IN ('pending', 'available', 'held', 'debt',
                'issued', 'redeemed', 'expired', 'adjusted', 'transit')),
            CONSTRAINT ck_postings_to_account CHECK (to_account IN ('pending', 'available', 'held', 'debt',
                'issued', 'redeemed', 'expired', 'adjusted', 'transit'))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE lots (
            member_id uuid NOT NULL,
            lot_id uuid NOT NULL,
            source_type varchar(16) NOT NULL,
            source_id uuid,
            earned_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            available_at timestamptz,
            expires_at timestamptz,
            sliding_months smallint,
            points bigint NOT NULL,
            pending bigint NOT NULL DEFAULT 0,
            available bigint NOT NULL DEFAULT 0,
            held bigint NOT NULL DEFAULT 0,
            program_version integer,
            CONSTRAINT pk_lots PRIMARY KEY (member_id, lot_id),
            CONSTRAINT ck_lots_points CHECK (points > 0),
            CONSTRAINT ck_lots_remaining CHECK (pending >= 0 AND available >= 0 AND held >= 0
                AND pending + available + held <= points)
        )
        """
    )


def downgrade() -> None:
    for table in ("lots", "postings", "journals", "balances"):
        op.execute(f"DROP TABLE {table}")
