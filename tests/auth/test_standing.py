"""Revocation within a second, rotation without downtime, and what holds while the database cannot be seen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import flask
import jwt
import pytest

from loyalty_api import ids
from loyalty_api.auth import keys, service
from loyalty_api.auth.models import Client
from loyalty_api.auth.rules import KeyTimes, holds, signer
from loyalty_api.auth.standing import StandingRegister
from loyalty_api.db import Database
from loyalty_api.errors import Unavailable
from loyalty_api.vault import Vault
from tests.auth.conftest import Clock
from tests.auth.doors import KEYS, make_app
from tests.support.tokens import bearer, make_client, token_for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sign_in(app: flask.Flask, client: Client, secret: str) -> str:
    answer = app.test_client().post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client.public_id, secret)
    )
    token: str = answer.get_json()["access_token"]
    return token


def opens(app: flask.Flask, token: str) -> int:
    return app.test_client().post("/v1/purchases/str_1", headers=bearer(token)).status_code


def revoke(database: Database, client: Client) -> None:
    with database.unit_of_work() as session:
        service.revoke_client(session, client_id=client.client_id, now=datetime.now(UTC))


@pytest.fixture
def two(database: Database, schema_url: str, clock: Clock) -> Any:
    """Two processes: two applications over two pools, with nothing in common but the database."""
    other = Database(schema_url)
    yield make_app(database, steady=clock), make_app(other, steady=clock)
    other.close()


def test_a_revoked_client_is_out_within_a_second_in_every_process(
    two: Any, database: Database, clock: Clock
) -> None:
    client, secret = make_client(two[0])
    token, stays = sign_in(two[0], client, secret), token_for(two[1])
    assert [opens(app, token) for app in two] == [200, 200]
    revoke(database, client)
    clock.seconds += 1.0
    assert [opens(app, token) for app in two] == [401, 401]
    assert [opens(app, stays) for app in two] == [200, 200]
    refused = (
        two[1]
        .test_client()
        .post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(client.public_id, secret))
    )
    assert refused.status_code == 401


def test_a_narrowed_client_signs_in_again(two: Any, database: Database, clock: Clock) -> None:
    client, secret = make_client(two[0])
    token = sign_in(two[0], client, secret)
    with database.unit_of_work() as session:
        found = service.get_client(session, client_id=client.client_id, lock=True)
        service.edit_client(session, client=found, scopes=["members:lookup"], now=datetime.now(UTC))
    clock.seconds += 1.0
    assert [opens(app, token) for app in two] == [401, 401]
    assert opens(two[1], sign_in(two[1], client, secret)) == 403


def test_the_picture_is_read_once_a_second_and_not_once_a_request(clock: Clock) -> None:
    reads: list[float] = []
    register = StandingRegister(
        read=lambda: reads.append(clock.seconds) or ({}, {}),  # type: ignore[func-returns-value]
        member_epoch=lambda _member: None,
        now=clock,
    )
    for _ in range(1000):
        register.refresh()
        register.key("made-up")
        clock.seconds += 0.0099
    assert len(reads) <= 100, "at most ten a second, even when every token is a forgery with a new kid"
    forged, reads[:] = len(reads), []
    for _ in range(1000):
        register.refresh()
        clock.seconds += 0.0099
    assert 9 <= len(reads) <= 11 < forged


def test_blind_for_five_seconds_nobody_is_let_in(clock: Clock) -> None:
    client = "00000000-0000-7000-8000-000000000001"
    seen: list[Any] = [({client: 3}, {})]

    def read() -> Any:
        if isinstance(seen[-1], Exception):
            raise seen[-1]
        return seen[-1]

    register = StandingRegister(read=read, member_epoch=lambda _member: None, now=clock)
    register.refresh()
    assert register.epoch(ids.show("cli", UUID(client))) == 3
    seen.append(OSError("the database is gone"))
    clock.seconds += 4.9
    register.refresh()
    clock.seconds += 0.2
    with pytest.raises(Unavailable) as refused:
        register.refresh()
    assert (refused.value.status, refused.value.extra["retry_after"]) == (503, 1)
    seen.append(({client: 4}, {}))
    clock.seconds += 0.5
    register.refresh()
    assert register.epoch(ids.show("cli", UUID(client))) == 4


def test_a_process_that_has_never_seen_the_database_lets_nobody_in(clock: Clock) -> None:
    def read() -> Any:
        raise OSError("the database is gone")

    register = StandingRegister(read=read, member_epoch=lambda _member: None, now=clock)
    with pytest.raises(Unavailable):
        register.refresh()


def test_who_comes_while_a_new_process_looks_for_the_first_time_waits_for_it(clock: Clock) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def read() -> Any:
        looking.set()
        assert go_on.wait(10)
        return {}, {}

    register = StandingRegister(read=read, member_epoch=lambda _member: None, now=clock)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(register.refresh)
        assert looking.wait(10)
        others = [pool.submit(register.refresh) for _ in range(7)]
        done, _ = wait(others, timeout=0.5)
        assert not done, "nobody is let in, or sent away, before it is known who stands"
        go_on.set()
        for each in (first, *others):
            each.result()


def test_a_token_without_the_database_is_503_and_never_401(database: Database, clock: Clock) -> None:
    app = make_app(database, steady=clock)
    token = token_for(app)
    assert opens(app, token) == 200
    database.close()
    for engine in (database.engine, database._reader):
        engine.pool._creator = _no_connection  # type: ignore[attr-defined]
    clock.seconds += 4.0
    assert opens(app, token) == 200
    clock.seconds += 2.0
    answer = app.test_client().post("/v1/purchases/str_1", headers=bearer(token))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def _no_connection(*_args: Any) -> Any:
    raise OSError("the database is gone")


def test_keys_rotate_without_a_token_failing(two: Any, database: Database, clock: Clock) -> None:
    vault, now = Vault(KEYS), datetime.now(UTC)
    client, secret = make_client(two[0])
    before = sign_in(two[0], client, secret)
    with database.unit_of_work() as session:
        kid = keys.rotate_keys(session, vault=vault, now=now)
    clock.seconds += 1.0
    published = {key["kid"] for key in two[1].test_client().get("/.well-known/jwks.json").get_json()["keys"]}
    assert published == {kid, jwt.get_unverified_header(before)["kid"]}, "published before it is used"
    meanwhile = sign_in(two[0], client, secret)
    assert jwt.get_unverified_header(meanwhile)["kid"] != kid
    with database.unit_of_work() as session:
        later, _ = keys.signing_key(session, vault=vault, now=now + keys.LEAD)
    assert later == kid
    assert [opens(app, token) for app in two for token in (before, meanwhile)] == [200] * 4


def test_a_key_made_by_another_process_is_found_at_once(two: Any, database: Database, clock: Clock) -> None:
    old = token_for(two[0])
    assert opens(two[1], old) == 200
    with database.unit_of_work() as session:
        keys.rotate_keys(session, vault=Vault(KEYS), now=datetime.now(UTC), lead=timedelta(0))
    clock.seconds += 0.2
    fresh = token_for(two[0])
    assert jwt.get_unverified_header(fresh)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert [opens(two[1], token) for token in (fresh, old)] == [200, 200]


def test_the_old_key_goes_when_its_last_token_has_died(database: Database) -> None:
    vault = Vault(KEYS)
    with database.unit_of_work() as session:
        first, _ = keys.signing_key(session, vault=vault, now=NOW)
        second = keys.rotate_keys(session, vault=vault, now=NOW)
        ends = NOW + keys.LEAD + keys.LONGEST_TOKEN + timedelta(minutes=1)

        def kids(at: datetime) -> set[str]:
            return {key["kid"] for key in keys.published(session, now=at)}

        assert kids(NOW) == kids(ends - timedelta(seconds=1)) == {first, second}
        assert kids(ends) == {second}
        third = keys.rotate_keys(session, vault=vault, now=ends)
        assert kids(ends) == {second, third}


def test_stolen_keys_are_dropped_at_once(two: Any, database: Database, clock: Clock) -> None:
    token = token_for(two[0])
    assert [opens(app, token) for app in two] == [200, 200]
    with database.unit_of_work() as session:
        keys.replace_stolen_keys(session, vault=Vault(KEYS), now=datetime.now(UTC))
    clock.seconds += 1.0
    assert [opens(app, token) for app in two] == [401, 401]
    assert opens(two[0], token_for(two[1])) == 200


def test_a_token_that_was_verified_still_ends_in_time(database: Database) -> None:
    wall = Clock(datetime.now(UTC).timestamp())
    app = make_app(database, wall=wall)
    token = token_for(app)
    assert opens(app, token) == 200
    wall.seconds += 601
    assert opens(app, token) == 401


def test_signing_is_done_by_the_newest_key_whose_time_has_come() -> None:
    hour = timedelta(hours=1)
    old, new = KeyTimes("old", NOW - hour, NOW + hour), KeyTimes("new", NOW)
    assert signer([old, new], now=NOW - timedelta(seconds=1)) == old
    assert signer([new, old], now=NOW) == new
    assert signer([], now=NOW) is None
    assert not holds(old, now=NOW + hour)


def test_private_keys_are_sealed_at_rest(database: Database) -> None:
    with database.unit_of_work() as session:
        keys.ensure_key(session, vault=Vault(KEYS), now=NOW)
    row = database.fetch_one("SELECT private_key, public_jwk FROM signing_keys", ())
    assert row is not None
    assert b"\x30\x81\x87\x02\x01" not in row[0], "no PKCS8 structure stands in the clear"
    assert set(row[1]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
