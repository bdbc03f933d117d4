"""What the database itself holds, even if our Python were wrong."""

from __future__ import annotations

import psycopg
import pytest

from loyalty_api.db import driver
from tests.support.shop import Shop, line, receipt


@pytest.fixture(scope="module", autouse=True)
def somebody_with_points(shop: Shop) -> None:
    shop.enrol("GUARD")
    assert shop.till.post("/v1/purchases", receipt(line(700), card="GUARD"), key=None).status == 201


def refuse(shop: Shop, statement: str, error: type[psycopg.Error]) -> None:
    with pytest.raises(error), shop.database.unit_of_work() as session:
        driver(session).execute(statement)


@pytest.mark.parametrize("table", ["journals", "postings"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET member_id = member_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_the_application_can_add_to_the_ledger_and_change_nothing_in_it(
    shop: Shop, table: str, change: str
) -> None:
    refuse(shop, change.format(table), psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("account", ["available", "pending", "held", "debt"])
def test_no_account_of_a_member_goes_below_zero(shop: Shop, account: str) -> None:
    refuse(shop, f"UPDATE balances SET {account} = -1", psycopg.errors.CheckViolation)


@pytest.mark.parametrize(
    "change",
    ["available = available - points - 1", "pending = points", "held = 1", "points = 0", "available = -1"],
)
def test_no_lot_holds_less_than_nothing_or_more_than_it_was_born_with(shop: Shop, change: str) -> None:
    refuse(shop, f"UPDATE lots SET {change}", psycopg.errors.CheckViolation)


_POSTING = (
    "INSERT INTO postings (member_id, journal_id, ordinal, from_account, to_account, points)"
    " SELECT member_id, journal_id, 99, {} FROM journals LIMIT 1"
)


@pytest.mark.parametrize(
    "values",
    [
        "'issued', 'available', 0",
        "'issued', 'available', -5",
        "'available', 'available', 5",
        "'thin air', 'available', 5",
        "'available', 'thin air', 5",
    ],
)
def test_a_posting_moves_something_from_one_account_to_another(shop: Shop, values: str) -> None:
    refuse(shop, _POSTING.format(values), psycopg.errors.CheckViolation)


def test_a_posting_belongs_to_a_journal(shop: Shop) -> None:
    orphan = _POSTING.format("'issued', 'available', 5").replace("journal_id, 99", "gen_random_uuid(), 99")
    refuse(shop, orphan, psycopg.errors.ForeignKeyViolation)


def test_two_journals_of_a_member_never_share_a_version(shop: Shop) -> None:
    copy = (
        "INSERT INTO journals SELECT member_id, gen_random_uuid(), version, kind, cause_type, cause_id, store_id,"
        " reference, person_id, actor_kind, actor_id, reverses, occurred_at, recorded_at, available_after,"
        " pending_after, held_after, debt_after FROM journals LIMIT 1"
    )
    refuse(shop, copy, psycopg.errors.UniqueViolation)


def test_a_receipt_is_kept_once(shop: Shop) -> None:
    refuse(shop, "INSERT INTO receipts SELECT * FROM receipts LIMIT 1", psycopg.errors.UniqueViolation)
