"""After an outage: many typed items in one request, each with its own result.

Items are recorded in the order in which they come, so a return finds the sale that stands before it. Purchases that
follow each other share a transaction, up to 500 of them. One bad item never blocks the others. What is malformed is
kept for a person (R7), once however often it is sent, and the till may delete it from its queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import marshmallow as ma
import orjson
from sqlalchemy.orm import Session

from loyalty_api.batches import rejects
from loyalty_api.batches.kinds import Done, Kind, Sender
from loyalty_api.db import Database
from loyalty_api.documents import load_line
from loyalty_api.errors import Invalid, LoyaltyError
from loyalty_api.http import faults_of
from loyalty_api.purchases.desk import Desk
from loyalty_api.security import ScopeMissing

MOST_AT_ONCE = 500
# Fewer lines to a transaction when baskets are large: what is locked is locked for a moment only.
MOST_LINES_AT_ONCE = 6_000
LONGEST_ITEM = 1 << 20


class UnknownItem(Invalid):
    """An item's type is not one that this batch call knows."""

    code, title = "item_type_unknown", "This type of item is not known here"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a batch: what it says, made ready for its ``kind``, or why it cannot be read.

    Neither ``ready`` nor ``error``: there is nothing to keep of it.
    """

    index: int
    type: str
    raw: bytes
    kind: Kind | None = None
    ready: Any = None
    error: LoyaltyError | None = None
    store: str | None = None
    reference: str | None = None
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Counter:
    """Who hands the batch in, and the kinds of item that are taken."""

    sender: Sender
    kinds: Mapping[str, Kind]


def work(
    database: Database, desk: Desk, lines: Iterator[bytes], *, counter: Counter, clock: Callable[[], datetime]
) -> Iterator[bytes]:
    """Results, a line each, in the order of the items; each chunk is answered once it is committed."""
    items = (_read(index, line, desk, counter) for index, line in enumerate(lines))
    chunks = _chunks(items)
    chunk = next(chunks, None)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch") as aside:
        while chunk is not None:
            with database.unit_of_work() as session:
                results = _record(session, desk, chunk, counter.sender, clock(), aside)
                # The next chunk is read and checked while PostgreSQL writes this one, which happens as the block ends.
                coming = aside.submit(next, chunks, None)
            yield b"".join(results)
            chunk = coming.result()


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Items that share a transaction: of one kind, and no more than it takes at once."""
    chunk: list[Item] = []
    kind: Kind | None = None
    lines = 0
    for item in items:
        if chunk and kind and item.kind and item.kind is not kind:
            yield chunk
            chunk, kind, lines = [], None, 0
        chunk.append(item)
        kind = kind or item.kind
        lines += item.lines
        if len(chunk) >= (kind.at_once if kind else MOST_AT_ONCE) or lines >= MOST_LINES_AT_ONCE:
            yield chunk
            chunk, kind, lines = [], None, 0
    if chunk:
        yield chunk


def _read(index: int, raw: bytes, desk: Desk, counter: Counter) -> Item:
    word = "unknown"
    try:
        document = load_line(raw, longest=LONGEST_ITEM)
        if not isinstance(document, dict) or not isinstance(document.get("type"), str):
            raise UnknownItem('An item is an object with a "type" and a "body".')
        word = rejects.storable(document["type"][:16]) or word
        kind = counter.kinds.get(word)
        if kind is None or (not kind.bare and set(document) != {"type", "body"}):
            raise UnknownItem('Send {"type": "purchase", "body": {…}}, or another of the types there are.')
        if kind.scope and kind.scope not in counter.sender.scopes:
            raise ScopeMissing(f"It needs the scope {kind.scope}.", scopes=[kind.scope])
        bare = {name: value for name, value in document.items() if name != "type"} if kind.bare else None
        body = kind.load(document["body"] if bare is None else bare)
        ready = kind.prepare(desk, counter.sender, body)
        store, reference, lines = body.get("store"), body.get("reference"), len(body.get("lines") or (1,))
        if ready is None:
            return Item(index, word, raw)
        return Item(index, word, raw, kind, ready, None, store, reference, lines)
    except ma.ValidationError as error:
        faults = tuple(faults_of(error.messages))
        return Item(index, word, raw, error=Invalid(faults[0].message, errors=faults))
    except LoyaltyError as error:
        return Item(index, word, raw, error=error)


def _record(
    session: Session, desk: Desk, chunk: Sequence[Item], sender: Sender, now: datetime, aside: Executor
) -> list[bytes]:
    ready = [item for item in chunk if item.kind]
    done: Iterator[Done] = iter(())
    if ready and ready[0].kind:
        done = iter(ready[0].kind.record(session, desk, [item.ready for item in ready], sender, now, aside))
    results = []
    for item in chunk:
        became = next(done) if item.kind else Done(error=item.error) if item.error else Done("ignored")
        if became.error is not None:
            rejects.keep(
                session, desk.vault, raw=item.raw, type=item.type, store_id=item.store,
                reference=item.reference, error=became.error, client_id=sender.who.client_id, now=now,
            )  # fmt: skip
        results.append(_result(item, became))
    return results


def _result(item: Item, done: Done) -> bytes:
    error = done.error
    result = {
        "index": item.index,
        "type": item.type,
        "reference": item.reference,
        "status": done.status,
        "id": done.id,
        "points": done.points,
        "code": error.code if error else None,
        **done.more,
    }
    if error and error.errors:
        result["errors"] = [
            {"pointer": f.pointer, "code": f.code, "message": f.message} for f in error.errors[:20]
        ]
    return orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)
