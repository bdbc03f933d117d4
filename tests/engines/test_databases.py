"""Databases with an owner and an application role, and connections that never wait for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import conninfo, errors

from loyalty_api.engines import LIBPQ_TIMEOUTS, Engines, EngineUnavailable, ensure_database, with_timeouts


@pytest.fixture(scope="module")
def urls(running: Engines) -> tuple[str, str]:
    return ensure_database(running, "shop")


def test_the_owner_makes_tables_and_the_application_uses_them(urls: tuple[str, str]) -> None:
    owner, application = urls
    with psycopg.connect(owner) as connection:
        connection.execute("CREATE TABLE thing (id bigint)")
        connection.execute("GRANT SELECT, INSERT ON thing TO shop_app")
    with psycopg.connect(application) as connection:
        connection.execute("INSERT INTO thing VALUES (1)")
        assert connection.execute("SELECT id FROM thing").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE ROLE me",
    ],
)
def test_the_application_changes_no_schema(urls: tuple[str, str], statement: str) -> None:
    with psycopg.connect(urls[1]) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_neither_role_is_a_superuser(urls: tuple[str, str]) -> None:
    for url in urls:
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW is_superuser").fetchone() == ("off",)


def test_a_role_enters_its_own_database_only(running: Engines, urls: tuple[str, str]) -> None:
    ensure_database(running, "other_shop")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(urls[1].replace("@/shop", "@/other_shop"))


def test_asking_again_or_at_the_same_time_gives_the_same(running: Engines) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda _: ensure_database(running, "busy_shop"), range(4)))
    assert len(answers) == 1


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "shop;drop", 'shop"', "s" * 52])
def test_a_name_that_would_need_quoting_is_refused(running: Engines, name: str) -> None:
    with pytest.raises(EngineUnavailable, match="not a name"):
        ensure_database(running, name)


def test_a_given_database_is_left_to_its_operator() -> None:
    with pytest.raises(EngineUnavailable, match="operator"):
        ensure_database(Engines("postgresql://db.example/loyalty", "", embedded=False), "shop")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a@b/c",
        "postgresql:///c?host=/run/pg",
        "postgresql+psycopg://a:b%20c@h:1,i:2/c?sslmode=require",
    ],
)
def test_every_time_out_is_added_to_a_url(url: str) -> None:
    parameters = conninfo.conninfo_to_dict(with_timeouts(url).replace("+psycopg", ""))
    assert parameters.items() >= LIBPQ_TIMEOUTS.items()
    assert with_timeouts(url).startswith(url)


def test_a_time_out_that_was_given_stays() -> None:
    url = with_timeouts("postgresql://h/d?connect_timeout=9")
    assert conninfo.conninfo_to_dict(url)["connect_timeout"] == "9"
    assert with_timeouts(url) == url
