"""What the application's role may do to each table, and what the role for reports may see.

The application: everything, except that journals, postings and published program versions are only ever added: with
those rights gone, the ledger cannot be edited even by a mistake in our own Python.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

APPEND_ONLY = (
    "adjustments",
    "corrections",
    "draw_days",
    "draws",
    "event_references",
    "former_terms",
    "journals",
    "member_events",
    "period_bonuses",
    "postings",
    "program_approvals",
    "program_versions",
    "purchase_corrections",
    "staff_gifts",
    "terms_acceptances",
    "tier_changes",
)
# What may be told of a row that is otherwise as it was written: how a day of draws ended.
TOLD_LATER = {
    "draw_days": ("draws", "wins", "counts", "record", "previous_digest", "digest", "revealed_at"),
}

READER = "loyalty_reader"
_ALL: tuple[str, ...] = ()
# What is not named here is closed to reports, a table that comes later too: they see points, sales and rules, never
# what says who a member is, what a person wrote or what is a secret.
READABLE: dict[str, tuple[str, ...]] = {
    "alembic_version": _ALL,
    "announced_expiries": _ALL,
    "balances": _ALL,
    "holds": _ALL,
    "lots": _ALL,
    "master_versions": _ALL,
    "products": _ALL,
    "program_versions": _ALL,
    "purchase_lines": _ALL,
    "return_lines": _ALL,
    "reward_orders": _ALL,
    "rewards": _ALL,
    "stores": _ALL,
    "suggestion_products": _ALL,
    "suggestion_refreshes": _ALL,
    "suggestion_stores": _ALL,
    "adjustments": ("member_id", "adjustment_id", "points", "reason", "actor_kind", "client_id", "created_at"),
    "clients": ("client_id", "kind", "name", "scopes", "store_id", "rate", "created_at", "revoked_at"),
    "coupon_batches": (
        "batch_id", "name", "kind", "total", "made", "uses", "valid_from", "valid_until", "stores", "needs_activation",
        "handed_out_at", "blocked_at", "created_at", "giver", "brought",
    ),
    "coupon_uses": (
        "member_id", "purchase_id", "coupon_id", "store_id", "terminal", "occurred_at", "recorded_at", "given_back_at",
    ),
    "draw_days": (
        "day", "previous", "commitment", "committed_at", "begins_at", "ends_at", "reveals_at", "draws", "wins",
        "counts", "previous_digest", "digest", "revealed_at",
    ),
    "draws": ("member_id", "gift_id", "day", "row_no", "won", "purchase_id", "recorded_at"),
    "events": ("member_id", "event_id", "kind", "subject", "occurred_at", "recorded_at", "position"),
    "member_events": (
        "member_id", "event_id", "event", "client_id", "actor_kind", "occurred_at", "recorded_at", "program_version",
        "points",
    ),
    "gift_lists": _ALL,
    "gift_occasions": _ALL,
    "gift_walks": _ALL,
    "gifts": (
        "member_id", "gift_id", "rule", "program_version", "trigger", "kind", "state", "cost", "cause_type",
        "purchase_id", "store_id", "granted_at", "expires_at", "shown_at", "claimed_at", "handed_over_at",
        "handed_over_store", "ended_at",
    ),
    "journals": (
        "member_id", "journal_id", "version", "kind", "cause_type", "cause_id", "store_id", "reverses",
        "occurred_at", "recorded_at", "available_after", "pending_after", "held_after", "debt_after",
    ),
    "members": ("member_id", "kind", "status", "version", "language", "home_store", "is_staff", "enrolled_at"),
    "period_bonuses": _ALL,
    "postings": (
        "member_id", "journal_id", "ordinal", "from_account", "to_account", "points", "lot_id", "rule",
        "program_version",
    ),
    "purchases": (
        "member_id", "purchase_id", "store_id", "terminal", "business_date", "reference", "kind", "channel",
        "status", "match", "occurred_at", "recorded_at", "currency", "total", "paid", "line_count", "client_id",
        "program_version", "points_base", "points_bonus",
    ),
    "redemptions": (
        "member_id", "redemption_id", "purpose", "status", "points", "amount", "currency", "reward_id", "quantity",
        "store_id", "channel", "client_id", "held_at", "expires_at", "captured_points", "captured_amount",
        "captured_at", "reversed_points", "reversed_amount", "ended_at",
    ),
    "rejects": ("reject_id", "client_id", "store_id", "type", "code", "created_at", "cleared_at"),
    "staff_gifts": (
        "member_id", "gift_id", "rule", "staff_ref", "given_on", "cost", "reason", "store_id", "actor_kind",
        "client_id", "created_at",
    ),
    "returns": (
        "member_id", "return_id", "store_id", "terminal", "business_date", "kind", "status", "occurred_at",
        "recorded_at", "currency", "purchase_id", "client_id", "points_taken_back", "points_given_back", "refundable",
    ),
}  # fmt: skip


def apply(connection: Connection, role: str | None) -> None:
    """Grant ``role`` its rights on every table there is; without a role of its own there is nothing to grant."""
    if not role:
        return
    quoted = connection.dialect.identifier_preparer.quote(role)
    tables = set(
        connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
    )
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {quoted}"))
    connection.execute(
        text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
    )
    connection.execute(text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}"))
    for table in sorted(tables.intersection(APPEND_ONLY)):
        connection.execute(text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {quoted}"))
    for table in sorted(tables.intersection(TOLD_LATER)):
        connection.execute(text(f"GRANT UPDATE ({', '.join(TOLD_LATER[table])}) ON {table} TO {quoted}"))
    if connection.execute(text("SELECT to_regnamespace('jobs')")).scalar() is not None:
        connection.execute(text(f"GRANT USAGE ON SCHEMA jobs TO {quoted}"))
        connection.execute(
            text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO {quoted}")
        )
        connection.execute(text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA jobs TO {quoted}"))
    if "alembic_version" in tables:
        connection.execute(text(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}"))


def apply_to_reader(connection: Connection) -> None:
    """Let the role for reports, where its operator has made one, see ``READABLE`` and nothing else."""
    if connection.execute(text("SELECT to_regrole(:name)"), {"name": READER}).scalar() is None:
        return
    there = connection.execute(
        text(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
            " WHERE table_schema = 'public' GROUP BY 1"
        )
    )
    connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {READER}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {READER}"))
    for table, columns in there:
        if table in READABLE:
            shown = [column for column in READABLE[table] or columns if column in columns]
            connection.execute(text(f"GRANT SELECT ({', '.join(shown)}) ON {table} TO {READER}"))
