"""What the application's role may do to each table.

Everything, except that journals, postings and published program versions are only ever added: with those rights
gone, the ledger cannot be edited even by a mistake in our own Python.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

APPEND_ONLY = ("adjustments", "journals", "postings", "program_versions", "terms_acceptances", "tier_changes")


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
    if connection.execute(text("SELECT to_regnamespace('jobs')")).scalar() is not None:
        connection.execute(text(f"GRANT USAGE ON SCHEMA jobs TO {quoted}"))
        connection.execute(
            text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO {quoted}")
        )
        connection.execute(text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA jobs TO {quoted}"))
    if "alembic_version" in tables:
        connection.execute(text(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}"))
