"""Members, what finds them, and what they agreed to.

New tables only. Tables of a member's carry ``member_id`` in every key; the two look-up tables are keyed by
themselves. Nothing personal is in clear: values and names are sealed under the member's own key or kept as
blind indexes. ``members`` leaves room in its pages, since its version moves with every purchase.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE members (
        member_id uuid NOT NULL,
        kind varchar(16) NOT NULL,
        status varchar(16) NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        profile_version bigint NOT NULL DEFAULT 1,
        language varchar(16),
        home_store varchar(44),
        is_staff boolean NOT NULL DEFAULT false,
        tags text[] NOT NULL DEFAULT '{}',
        token_epoch integer NOT NULL DEFAULT 0,
        draw_token bytea NOT NULL,
        enrolled_at timestamptz NOT NULL,
        created_by varchar(64) NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_members PRIMARY KEY (member_id),
        CONSTRAINT ck_members_kind CHECK (kind IN ('person', 'walk_in')),
        CONSTRAINT ck_members_status CHECK (status IN ('active', 'earn_only', 'blocked', 'closed', 'erased')),
        CONSTRAINT ck_members_draw_token CHECK (length(draw_token) = 16)
    ) WITH (fillfactor = 85)
    """,
    """
    CREATE TABLE member_profiles (
        member_id uuid NOT NULL,
        sealed bytea NOT NULL,
        CONSTRAINT pk_member_profiles PRIMARY KEY (member_id),
        CONSTRAINT fk_member_profiles_member_id FOREIGN KEY (member_id) REFERENCES members (member_id)
    )
    """,
    """
    CREATE TABLE identifiers (
        member_id uuid NOT NULL,
        identifier_id uuid NOT NULL,
        kind varchar(16) NOT NULL,
        sealed bytea NOT NULL,
        person_id uuid,
        status varchar(16) NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        replaced_by uuid,
        CONSTRAINT pk_identifiers PRIMARY KEY (member_id, identifier_id),
        CONSTRAINT fk_identifiers_member_id FOREIGN KEY (member_id) REFERENCES members (member_id),
        CONSTRAINT ck_identifiers_status CHECK (status IN ('active', 'contested', 'replaced', 'removed')),
        CONSTRAINT ck_identifiers_ended CHECK ((status IN ('replaced', 'removed')) = (ended_at IS NOT NULL))
    )
    """,
    """
    CREATE TABLE identifier_index (
        kind varchar(16) NOT NULL,
        blind bytea NOT NULL,
        member_id uuid NOT NULL,
        identifier_id uuid NOT NULL,
        person_id uuid,
        CONSTRAINT pk_identifier_index PRIMARY KEY (kind, blind)
    )
    """,
    """
    CREATE TABLE people (
        member_id uuid NOT NULL,
        person_id uuid NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_people PRIMARY KEY (member_id, person_id),
        CONSTRAINT fk_people_member_id FOREIGN KEY (member_id) REFERENCES members (member_id)
    )
    """,
    """
    CREATE TABLE name_index (
        blind bytea NOT NULL,
        member_id uuid NOT NULL,
        CONSTRAINT pk_name_index PRIMARY KEY (blind, member_id)
    )
    """,
    """
    CREATE TABLE terms_acceptances (
        member_id uuid NOT NULL,
        acceptance_id uuid NOT NULL,
        version varchar(64) NOT NULL,
        channel varchar(16) NOT NULL,
        accepted_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor_kind varchar(16) NOT NULL,
        actor_id varchar(64) NOT NULL,
        CONSTRAINT pk_terms_acceptances PRIMARY KEY (member_id, acceptance_id),
        CONSTRAINT fk_terms_acceptances_member_id FOREIGN KEY (member_id) REFERENCES members (member_id)
    )
    """,
    """
    CREATE TABLE privacy_requests (
        member_id uuid NOT NULL,
        request_id uuid NOT NULL,
        kind varchar(16) NOT NULL,
        status varchar(16) NOT NULL,
        requested_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        actor_kind varchar(16) NOT NULL,
        actor_id varchar(64) NOT NULL,
        CONSTRAINT pk_privacy_requests PRIMARY KEY (member_id, request_id),
        CONSTRAINT fk_privacy_requests_member_id FOREIGN KEY (member_id) REFERENCES members (member_id),
        CONSTRAINT ck_privacy_requests_kind CHECK (kind IN ('erasure')),
        CONSTRAINT ck_privacy_requests_status CHECK (status IN ('received', 'done', 'refused'))
    )
    """,
)
INDEXES = (
    "CREATE INDEX ix_members_enrolled_at ON members (enrolled_at, member_id) WHERE kind = 'person'",
    "CREATE INDEX ix_members_status ON members (status, enrolled_at, member_id)"
    " WHERE kind = 'person' AND status <> 'active'",
    "CREATE INDEX ix_members_tags ON members USING gin (tags) WHERE tags <> '{}'",
    "CREATE INDEX ix_name_index_member_id ON name_index (member_id)",
    "CREATE INDEX ix_privacy_requests_due_at ON privacy_requests (due_at) WHERE status = 'received'",
)


def upgrade() -> None:
    for statement in TABLES + INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "privacy_requests", "terms_acceptances", "name_index", "people",
        "identifier_index", "identifiers", "member_profiles", "members",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
