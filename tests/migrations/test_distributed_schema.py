"""The schema can run distributed by member: the rules of Citus, held from the first migration on."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

# Look-up tables are distributed by their own key, which holds what is unique across members.
LOOK_UPS = {
    "identifier_index": ("kind", "blind"),
    "name_index": ("blind",),
    "receipts": ("store_id",),
    "locators": ("id",),
    "unattached_receipts": ("blind",),
    "claim_codes": ("blind",),
    "reward_codes": ("blind",),
    "coupon_codes": ("blind",),
    "coupon_holds": ("blind",),
    "limit_holds": ("key",),
    "reservations": ("quote",),
    "given_coupons": ("batch_id",),
    "brought_codes": ("blind",),
    "awaited_receipts": ("store_id",),
    "return_receipts": ("store_id",),
    "awaited_returns": ("store_id",),
    "idempotency_keys": ("client_id", "key"),
    "event_references": ("client_id", "reference"),
    "data_keys": ("owner_id",),
    "rejects": ("reject_id",),
}
# Small tables of the whole program, the same on every node.
REFERENCE = {
    "alembic_version", "backtests", "clients", "signing_keys", "stores", "products", "master_versions",
    "program_approvals", "program_drafts", "program_pauses", "program_versions", "rewards", "coupon_batches",
    "corrections", "draw_days", "draw_plans", "gift_lists", "gift_walks", "period_runs", "purged_periods",
    "rule_limits",
    "sandbox_clock", "suggestion_refreshes", "suggestion_products", "suggestion_stores",
}  # fmt: skip
# Uniqueness of a look-up's own that is not its key.
_UNIQUE_WITHOUT_KEY = {"uq_rejects_client_id"}

_COLUMNS = (
    "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
    " WHERE table_schema = 'public' GROUP BY 1"
)
_UNIQUE = (
    "SELECT t.relname, i.relname, array_agg(a.attname::text) FROM pg_index x"
    " JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(x.indkey)"
    " WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace GROUP BY 1, 2 ORDER BY 1, 2"
)
_FOREIGN = (
    "SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,"
    " (SELECT array_agg(attname::text ORDER BY n) FROM unnest(c.conkey) WITH ORDINALITY AS k(num, n)"
    "   JOIN pg_attribute ON attrelid = c.conrelid AND attnum = num),"
    " (SELECT array_agg(attname::text ORDER BY n) FROM unnest(c.confkey) WITH ORDINALITY AS k(num, n)"
    "   JOIN pg_attribute ON attrelid = c.confrelid AND attnum = num)"
    " FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"
)


@pytest.fixture
def owner(migrated: tuple[str, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated[0]) as connection:
        yield connection


@pytest.fixture
def columns(owner: psycopg.Connection) -> dict[str, list[str]]:
    return dict(owner.execute(_COLUMNS).fetchall())


def of_members(columns: dict[str, list[str]]) -> set[str]:
    """The tables that are distributed by member."""
    return set(columns) - set(LOOK_UPS) - REFERENCE


def test_a_table_belongs_to_a_member_or_says_why_not(columns: dict[str, list[str]]) -> None:
    without = sorted(table for table in of_members(columns) if "member_id" not in columns[table])
    assert not without, (
        f"{without} have no member_id. What belongs to a member carries it in its key; a look-up that is unique "
        "across members is distributed by its own key (LOOK_UPS); a small table of the program is the same on every "
        "node (REFERENCE)."
    )


def test_no_table_is_named_that_is_not_there(columns: dict[str, list[str]]) -> None:
    assert set(LOOK_UPS) | REFERENCE <= set(columns)


def test_member_id_is_in_every_key_of_a_members_table(
    owner: psycopg.Connection, columns: dict[str, list[str]]
) -> None:
    tables = of_members(columns)
    keys = [(table, key, list(on)) for table, key, on in owner.execute(_UNIQUE) if table in tables]
    wrong = [key for table, key, on in keys if "member_id" not in on]
    assert {table for table, _, _ in keys} == tables, "every table has a primary key"
    assert not wrong, (
        f"{wrong} cannot be held across nodes: what is unique across members lives in a look-up table."
    )


def test_a_look_up_is_unique_by_the_columns_it_is_distributed_by(owner: psycopg.Connection) -> None:
    wrong = [
        key
        for table, key, on in owner.execute(_UNIQUE)
        if table in LOOK_UPS and not set(LOOK_UPS[table]) & set(on) and key not in _UNIQUE_WITHOUT_KEY
    ]
    assert not wrong


def test_foreign_keys_stay_with_one_member(owner: psycopg.Connection, columns: dict[str, list[str]]) -> None:
    tables = of_members(columns)
    for name, table, target, here, there in owner.execute(_FOREIGN):
        assert table in tables, f"{name}: {table} is not a member's table"
        assert target in tables | REFERENCE, f"{name}: {target} lies on other nodes"
        if target in tables:
            pairs = list(zip(here, there, strict=True))
            assert ("member_id", "member_id") in pairs, f"{name} leads from one member to another"


def test_there_are_no_triggers_and_no_rules(owner: psycopg.Connection) -> None:
    triggers = owner.execute(
        "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    rules = owner.execute("SELECT rulename FROM pg_rules WHERE schemaname = 'public'").fetchall()
    assert (triggers, rules) == ([], []), "the ledger is guarded by rights, since triggers do not distribute"


def test_numbers_that_count_up_are_bigint_identities(owner: psycopg.Connection) -> None:
    small = owner.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND (is_identity = 'YES' AND data_type <> 'bigint' OR column_default LIKE 'nextval%')"
    ).fetchall()
    assert small == []


def test_points_and_money_are_whole_numbers(owner: psycopg.Connection) -> None:
    inexact = owner.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('real', 'double precision', 'money')"
    ).fetchall()
    assert inexact == []


def test_times_know_their_zone(owner: psycopg.Connection) -> None:
    naive = owner.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'timestamp without time zone'"
    ).fetchall()
    assert naive == []
