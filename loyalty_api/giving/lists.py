"""Lists of members who are to be given something: uploaded in pieces, granted by a job, each member once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from loyalty_api import ids, queue
from loyalty_api.db import Database, driver
from loyalty_api.documents import load_line
from loyalty_api.errors import LoyaltyError, NotFound
from loyalty_api.giving import queries_lists, rules
from loyalty_api.giving.granting import rule_in_force
from loyalty_api.giving.queries_lists import GiftList, Listed, Progress
from loyalty_api.giving.service import JOB
from loyalty_api.purchases.desk import Desk

LONGEST_LINE = 1 << 10
_AT_ONCE = 1_000
_NOTHING = Progress()


class GiftListUnknown(NotFound):
    """There is no list with this id."""

    code, title = "gift_list_unknown", "There is no such list"


def add(
    session: Session, desk: Desk, *, list_id: UUID, rule_id: str, name: str, by: str, now: datetime
) -> GiftList:
    """Begin a list for a rule of the version in force.

    :raises RuleUnknown: it has no such rule for lists.
    """
    rule_in_force(session, desk, rule_id=rule_id, kind="list", now=now)
    made = GiftList(list_id, rule_id, name, now, by)
    queries_lists.add(driver(session), made)
    return made


def get(session: Session, *, list_id: UUID) -> tuple[GiftList, Progress]:
    """A list, and how far it is.

    :raises GiftListUnknown: there is none.
    """
    found = queries_lists.find(driver(session), list_id)
    if found is None:
        raise GiftListUnknown
    return found, queries_lists.progress(driver(session), [list_id]).get(list_id, _NOTHING)


def list_all(session: Session, *, before: UUID | None, limit: int) -> list[tuple[GiftList, Progress]]:
    """Lists, the latest first, and how far they are."""
    found = queries_lists.page(driver(session), before=before, limit=limit)
    far = queries_lists.progress(driver(session), [each.list_id for each in found])
    return [(each, far.get(each.list_id, _NOTHING)) for each in found]


def members_of(
    session: Session, *, list_id: UUID, state: str | None, after: UUID | None, limit: int
) -> list[Listed]:
    """Who stands on a list and what became of them, in the order of their ids.

    :raises GiftListUnknown: there is no such list.
    """
    get(session, list_id=list_id)
    return queries_lists.members_of(driver(session), list_id, state=state, after=after, limit=limit)


def put_on(
    database: Database, made: GiftList, lines: Iterator[bytes], *, clock: Callable[[], datetime]
) -> Iterator[bytes]:
    """Put on a list who is named, a line each; a result a line, each answered once it is durable.

    Sent again, whoever stands there already is answered ``known``, so a file that was cut off is sent again whole.
    """
    index = 0
    while chunk := list(islice(lines, _AT_ONCE)):
        with database.unit_of_work() as session:
            results = _put_on(session, made, [_member_in(line) for line in chunk], index, clock())
        yield b"".join(results)
        index += len(chunk)


def _member_in(line: bytes) -> UUID | None:
    try:
        document: Any = load_line(line, longest=LONGEST_LINE)
    except LoyaltyError:
        return None
    named = document.get("member_id") if isinstance(document, dict) else None
    return ids.read("mbr", named) if isinstance(named, str) else None


def _put_on(
    session: Session, made: GiftList, named: Sequence[UUID | None], index: int, now: datetime
) -> list[bytes]:
    wanted = [member_id for member_id in named if member_id is not None]
    fresh, known = queries_lists.put_on(
        driver(session),
        made,
        list(dict.fromkeys(wanted)),
        occasion=rules.list_occasion(made.list_id),
        now=now,
    )
    if fresh:
        queue.defer(session, job=JOB, one_at_a_time=JOB, only_one_waiting=JOB)
    results = []
    for n, member_id in enumerate(named):
        results.append(_result(index + n, member_id, _status(member_id, fresh, known)))
        fresh -= {member_id}
    return results


def _status(member_id: UUID | None, fresh: set[UUID], known: set[UUID]) -> str:
    if member_id is None:
        return "malformed"
    if member_id in fresh:
        return "added"
    return "known" if member_id in known else "unknown"


def _result(index: int, member_id: UUID | None, status: str) -> bytes:
    shown = ids.show("mbr", member_id) if member_id else None
    return orjson.dumps(
        {"index": index, "member_id": shown, "status": status}, option=orjson.OPT_APPEND_NEWLINE
    )
