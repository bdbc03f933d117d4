"""Events that members earn by beside buying, and the references under which clients report each of them once.

A reference is unique across members, so it lives in a look-up table of its own; the event itself lies with its member.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE member_events (
        member_id uuid NOT NULL,
        event_id uuid NOT NULL,
        event varchar(40) NOT NULL,
        client_id varchar(64) NOT NULL,
        actor_kind varchar(16) NOT NULL,
        reference varchar(64),
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        program_version integer NOT NULL,
        points bigint NOT NULL,
        facts jsonb NOT NULL,
        decision jsonb NOT NULL,
        outcome jsonb NOT NULL,
        CONSTRAINT pk_member_events PRIMARY KEY (member_id, event_id),
        CONSTRAINT ck_member_events_points CHECK (points >= 0)
    )
    """,
    """
    CREATE TABLE event_references (
        client_id varchar(64) NOT NULL,
        reference varchar(64) NOT NULL,
        member_id uuid NOT NULL,
        event_id uuid NOT NULL,
        content bytea NOT NULL,
        CONSTRAINT pk_event_references PRIMARY KEY (client_id, reference)
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("event_references", "member_events"):
        op.execute(f"DROP TABLE {table}")
