"""The one statement that every process asks each second: which tokens hold no longer, and which keys sign."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from loyalty_api.db import Database

Row = tuple[Mapping[str, int], Mapping[str, Mapping[str, Any]]]

# Only clients that changed while a token of theirs may live: the picture stays small however many there are.
_LONGEST_TOKEN = timedelta(hours=1)
STANDING = """
SELECT (SELECT coalesce(json_object_agg(client_id, epoch), '{}') FROM clients WHERE changed_at > %s),
       (SELECT coalesce(json_object_agg(kid, public_jwk), '{}') FROM signing_keys
         WHERE verify_until IS NULL OR verify_until > %s)
"""


def standing(database: Database) -> Row:
    """The epochs of clients that changed lately, and the public keys that hold, in one round trip."""
    now = datetime.now(UTC)  # Machine time: tokens live by it even where business time stands still.
    row = database.fetch_one(STANDING, (now - _LONGEST_TOKEN, now))
    assert row is not None  # noqa: S101 - a statement of two scalars always has a row
    return row[0], row[1]
