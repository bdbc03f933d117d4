"""Secrets at rest: what is sealed opens in its place, with its owner's key, and never without it."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from loyalty_api.db import Database
from loyalty_api.vault import Unreadable, Vault, open_sealed, seal

OLD, NEW = ("2025", b"o" * 32), ("2026", b"n" * 32)
OWNER = UUID(int=7)


@pytest.fixture
def vault() -> Vault:
    return Vault((OLD,))


def test_what_is_sealed_opens_only_in_its_place() -> None:
    key = b"k" * 32
    sealed = seal(key, b"Anna", b"member/name")
    assert open_sealed(key, sealed, b"member/name") == b"Anna"
    assert b"Anna" not in sealed
    assert seal(key, b"Anna", b"member/name") != sealed, "equal values do not look equal"
    for other_key, stored, place in (
        (b"x" * 32, sealed, b"member/name"),
        (key, sealed, b"member/phone"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"member/name"),
        (key, sealed[:20], b"member/name"),
        (key, b"", b"member/name"),
        (key, b"\x02" + sealed[1:], b"member/name"),
    ):
        with pytest.raises(Unreadable):
            open_sealed(other_key, stored, place)


def test_a_blind_index_finds_a_value_and_tells_nothing(vault: Vault) -> None:
    index = vault.blind("phone", "+4799887766")
    assert index == Vault((OLD,)).blind("phone", "+4799887766")
    assert len(index) == 32
    assert len({index, vault.blind("email", "+4799887766"), Vault((NEW,)).blind("phone", "+4799887766")}) == 3


def test_a_new_key_in_front_encrypts_and_the_old_one_still_opens(vault: Vault) -> None:
    rotated = Vault((NEW, OLD))
    wrapped = vault.wrap(b"secret", b"place")
    assert rotated.unwrap(wrapped, b"place") == b"secret"
    assert rotated.blind("phone", "1") == vault.blind("phone", "1"), "indexes outlive a new key"
    with pytest.raises(Unreadable):
        vault.unwrap(rotated.wrap(b"secret", b"place"), b"place")
    for broken in (b"", b"\x00", b"\xff" + wrapped[1:], wrapped[:4]):
        with pytest.raises(Unreadable):
            rotated.unwrap(broken, b"place")


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(Unreadable):
        Vault(())


def test_each_owner_has_a_key_of_its_own(vault: Vault, database: Database) -> None:
    with database.unit_of_work() as session:
        assert vault.owner_key(session, OWNER, create=False) is None
        key = vault.owner_key(session, OWNER)
        assert key is not None
        assert len(key) == 32
        assert vault.owner_key(session, uuid4()) != key
    with database.unit_of_work() as session:
        assert Vault((NEW, OLD)).owner_key(session, OWNER, create=False) == key


def test_two_that_are_first_at_once_get_one_key(vault: Vault, database: Database) -> None:
    together, keys = threading.Barrier(2), []

    def first() -> None:
        with database.unit_of_work() as session:
            vault.owner_key(session, uuid4(), create=False)
            together.wait()
            keys.append(vault.owner_key(session, OWNER))

    threads = [threading.Thread(target=first) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_destroyed_key_never_comes_back(vault: Vault, database: Database) -> None:
    with database.unit_of_work() as session:
        key = vault.owner_key(session, OWNER)
        assert key is not None
        sealed = seal(key, b"Anna", b"name")
        vault.destroy(session, OWNER)
        assert vault.owner_key(session, OWNER, create=False) is None
        fresh = vault.owner_key(session, OWNER)
        assert fresh is not None
        with pytest.raises(Unreadable):
            open_sealed(fresh, sealed, b"name")


def test_a_wrapped_key_moved_to_another_owner_does_not_open(vault: Vault, database: Database) -> None:
    with database.unit_of_work() as session:
        vault.owner_key(session, OWNER)
    with database.unit_of_work() as session:
        session.execute(text("UPDATE data_keys SET owner_id = :other"), {"other": UUID(int=8)})
        with pytest.raises(Unreadable):
            vault.owner_key(session, UUID(int=8))
