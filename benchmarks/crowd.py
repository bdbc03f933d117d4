"""A program with very many members, made in bulk: one member's rows, copied with other ids, cards and keys.

The one is enrolled by the API and buys twice, five real lines each time, so the copies have exactly the rows that the
API writes. Foreign keys are not checked meanwhile: they hold because all ids are replaced alike.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql

from benchmarks import baskets
from benchmarks.load import LoadFailed
from benchmarks.place import Shop, connect, superuser
from loyalty_api import config, ids
from loyalty_api.demo import data, replay
from loyalty_api.vault import Vault, seal

LINES, PURCHASES, ASKED = 5, 2, 1_000
_HOUSEHOLD, _CHUNK = 9_999_999, 25_000
_OTHER_ID = """
CREATE OR REPLACE FUNCTION other_id(one uuid, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex(('x' || left(replace(one::text, '-', ''), 12))::bit(48)::bigint + n), 12, '0')
        || '7' || substr(md5(one::text || '/' || n), 14))::uuid
$$
"""
# The columns that are not the same in every copy, but for ids; by table where names are not enough.
_OTHERWISE = {
    "blind": "crowd.blind",
    "wrapped": "crowd.wrapped",
    "sealed": "crowd.sealed",
    "reference": "left(one.reference || '-' || crowd.n, 64)",
}
# Whose rows they are, where no column says member_id.
_BELONGS = {
    "receipts": "purchase_id IN (SELECT purchase_id FROM purchases WHERE member_id = %(member)s)",
    "data_keys": "owner_id = %(member)s",
}
_COLUMNS = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position),
       array_agg(udt_name::text ORDER BY ordinal_position)
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_identity = 'NO' AND is_generated = 'NEVER'
GROUP BY table_name ORDER BY table_name
"""

Connection = psycopg.Connection[Any]


class Crowd:
    """The shop's copies of one member; ``grow`` makes more of them."""

    def __init__(self, shop: Shop, api: int) -> None:
        self._shop, self._size = shop, 0
        self._vault = Vault(config.read().keys)
        self._member = _a_member(shop, api)
        self._identifier: UUID | None = None

    def grow(self, size: int) -> Shop:
        """Make the crowd ``size`` members; the shop with some of them, chosen evenly, as those who are asked for."""
        with superuser(self._shop) as connection:
            connection.execute(_OTHER_ID)
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET synchronous_commit = off")
            copies = list(_copies(connection, self._member))
            self._identifier = self._identifier or _identifier_of(connection, self._member)
            for first in range(self._size, size, _CHUNK):
                self._add(connection, copies, range(first, min(first + _CHUNK, size)))
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        self._size = size
        chosen = random.Random(size).sample(range(size), min(ASKED, size))
        return replace(
            self._shop,
            members=tuple(_other_id(self._member, n) for n in chosen),
            cards=tuple(_card(n) for n in chosen),
        )

    def _add(self, connection: Connection, copies: Sequence[str], numbers: range) -> None:
        connection.execute(
            "CREATE TEMP TABLE crowd (n bigint, blind bytea, wrapped bytea, sealed bytea) ON COMMIT DROP"
        )
        with connection.cursor().copy("COPY crowd FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "bytea", "bytea", "bytea"])
            for row in map(self._secrets, numbers):
                copy.write_row(row)
        for statement in copies:
            connection.execute(statement, {"member": self._member})
        connection.commit()

    def _secrets(self, n: int) -> tuple[int, bytes, bytes, bytes]:
        """What only Python can make: the card's blind index, the member's key, the card under it."""
        assert self._identifier is not None
        member_id, card = _other_id(self._member, n), _card(n)
        key = AESGCM.generate_key(256)
        place = b"identifier/" + member_id.bytes + _other_id(self._identifier, n).bytes
        wrapped = self._vault.wrap(key, member_id.bytes)
        return n, self._vault.blind("card", card), wrapped, seal(key, card.encode(), place)


def _a_member(shop: Shop, api: int) -> UUID:
    """Enrol the one who is copied, and let it buy."""
    connection = connect(api)
    replay.enrol(connection, office=shop.office, household_id=_HOUSEHOLD)
    bought = (purchase for purchase in baskets.of_members() if len(purchase.lines) == LINES)
    now = datetime.now(UTC)
    for n, purchase in enumerate(itertools.islice(bought, PURCHASES)):
        body = replace(purchase, household_id=_HOUSEHOLD).body() | {
            "reference": f"crowd-{n}", "business_date": now.date().isoformat(),
            "occurred_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }  # fmt: skip
        till = shop.credentials[data.store_code(store_id=purchase.store_id)]
        answer = connection.call(
            method="POST", path="/v1/purchases", client=till, body=orjson.dumps(body)
        ).document()
        if "member_id" not in answer:
            raise LoadFailed(f"The member to be copied could not buy: {answer}")
    member_id = ids.read("mbr", answer["member_id"])
    assert member_id is not None
    return member_id


def _copies(connection: Connection, member_id: UUID) -> Iterator[str]:
    """The statements that copy the member's rows for everyone in ``crowd``, for each table that has some."""
    for table, columns, types in connection.execute(_COLUMNS).fetchall():
        belongs = _BELONGS.get(table) or ("member_id = %(member)s" if "member_id" in columns else None)
        asked = sql.SQL(f"SELECT 1 FROM {table} WHERE {belongs}")  # type: ignore[arg-type]
        if belongs is None or connection.execute(asked, {"member": member_id}).fetchone() is None:
            continue
        values = [_value(name, kind) for name, kind in zip(columns, types, strict=True)]
        yield (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM (SELECT * FROM {table} WHERE {belongs}) AS one CROSS JOIN crowd"
        )


def _value(name: str, kind: str) -> str:
    return f"other_id(one.{name}, crowd.n)" if kind == "uuid" else _OTHERWISE.get(name, f"one.{name}")


def _identifier_of(connection: Connection, member_id: UUID) -> UUID:
    asked = "SELECT identifier_id FROM identifiers WHERE member_id = %s"
    found: list[tuple[UUID]] = connection.execute(asked, (member_id,)).fetchall()
    return found[0][0]


def _other_id(one: UUID, n: int) -> UUID:
    """The same as the database's ``other_id``: as much later as its number, and otherwise scattered."""
    digest = hashlib.md5(f"{one}/{n}".encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{(one.int >> 80) + n:012x}7{digest[13:]}")


def _card(n: int) -> str:
    # As long as a household's, so that a request can be made for either.
    return f"CR{n:07d}"
