"""After an outage: many typed items in one request, each with its own result, up to 500 to a transaction.

One bad item never blocks the others. What is malformed is kept for a person (R7), once however often it is sent, and
the till may delete it from its queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import Database, driver
from loyalty_api.documents import NotJson, load_line
from loyalty_api.errors import Invalid, LoyaltyError
from loyalty_api.http import faults_of
from loyalty_api.purchases import queries_rejects, service
from loyalty_api.purchases.desk import Desk, Reported, Who
from loyalty_api.purchases.recording import Outcome, record
from loyalty_api.purchases.rules import ReceiptKey
from loyalty_api.vault import INSTALLATION, Unreadable, Vault, open_sealed, seal

MOST_AT_ONCE = 500
# Fewer lines to a transaction when baskets are large: what is locked is locked for a moment only.
MOST_LINES_AT_ONCE = 6_000
LONGEST_ITEM = 1 << 20
_CONTEXT = b"reject"


class UnknownItem(Invalid):
    """An item's type is not one that this batch call knows."""

    code, title = "item_type_unknown", "This type of item is not known here"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a batch: what it says, or why it cannot be read."""

    index: int
    type: str
    raw: bytes
    report: Reported | None = None
    error: LoyaltyError | None = None
    ignored: bool = False

    @property
    def reference(self) -> str | None:
        """The receipt's number, as far as it can be read."""
        return self.report.body["reference"] if self.report else None


@dataclass(frozen=True, slots=True)
class Counter:
    """Who hands the batch in, and for which stores: ``ensure_store`` refuses those it may not speak for."""

    who: Who
    ensure_store: Callable[[str], None]
    load: Callable[[Any], Mapping[str, Any]]


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
                results = _record(session, desk, chunk, counter.who, clock(), aside)
                # The next chunk is read and checked while PostgreSQL writes this one, which happens as the block ends.
                coming = aside.submit(next, chunks, None)
            yield b"".join(results)
            chunk = coming.result()


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    lines = 0
    for item in items:
        chunk.append(item)
        lines += len(item.report.body["lines"]) if item.report else 1
        if len(chunk) == MOST_AT_ONCE or lines >= MOST_LINES_AT_ONCE:
            yield chunk
            chunk, lines = [], 0
    if chunk:
        yield chunk


def _read(index: int, raw: bytes, desk: Desk, counter: Counter) -> Item:
    kind = "unknown"
    try:
        document = load_line(raw, longest=LONGEST_ITEM)
        if not isinstance(document, dict) or not isinstance(document.get("type"), str):
            raise UnknownItem('An item is an object with a "type" and a "body".')
        kind = document["type"][:16]
        if kind != "purchase" or set(document) != {"type", "body"}:
            raise UnknownItem('Send {"type": "purchase", "body": {…}}.')
        body = counter.load(document["body"])
        counter.ensure_store(body["store"])
        if body["kind"] == "training":
            return Item(index, kind, raw, ignored=True)
        return Item(index, kind, raw, service.reported(body, vault=desk.vault, purchase_id=ids.new()))
    except ma.ValidationError as error:
        faults = tuple(faults_of(error.messages))
        return Item(index, kind, raw, error=Invalid(faults[0].message, errors=faults))
    except LoyaltyError as error:
        return Item(index, kind, raw, error=error)


def _record(
    session: Session, desk: Desk, chunk: Sequence[Item], who: Who, now: datetime, aside: Executor
) -> list[bytes]:
    reports = [item.report for item in chunk if item.report]
    outcomes = iter(record(session, desk, reports, who=who, now=now, aside=aside) if reports else ())
    results = []
    for item in chunk:
        outcome = next(outcomes) if item.report else Outcome(error=item.error)
        if outcome.error is not None:
            _keep(session, desk.vault, item, outcome.error, who, now)
        results.append(_result(item, outcome))
    return results


def _result(item: Item, outcome: Outcome) -> bytes:
    row, error = outcome.row, outcome.error
    status = (
        "rejected" if error else "ignored" if item.ignored else "duplicate" if outcome.replayed else "created"
    )
    result = {
        "index": item.index,
        "type": item.type,
        "reference": item.reference,
        "status": status,
        "id": ids.show("pur", row["purchase_id"]) if row else None,
        "points": row["points_base"] + row["points_bonus"] if row else None,
        "code": error.code if error else None,
    }
    if error and error.errors:
        result["errors"] = [
            {"pointer": f.pointer, "code": f.code, "message": f.message} for f in error.errors[:20]
        ]
    return orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)


def _keep(session: Session, vault: Vault, item: Item, error: LoyaltyError, who: Who, now: datetime) -> None:
    key: ReceiptKey | None = item.report.key if item.report else None
    data_key = vault.owner_key(session, INSTALLATION)
    if data_key is None:
        raise Unreadable
    faults = [{"pointer": f.pointer, "code": f.code, "message": f.message} for f in error.errors[:50]]
    queries_rejects.add_reject(
        driver(session),
        reject_id=ids.new(),
        client_id=who.client_id,
        store_id=key[0] if key else None,
        type=item.type,
        reference=key[3] if key else None,
        code=error.code,
        errors=orjson.dumps(faults).decode(),
        sealed=seal(data_key, item.raw, _CONTEXT),
        fingerprint=vault.blind("reject", sha256(item.raw.strip()).hexdigest()),
        now=now,
    )


def rejects(
    session: Session, vault: Vault, *, store_id: str | None, before: UUID | None, cleared: bool, limit: int
) -> list[dict[str, Any]]:
    """What was refused and waits for a person, the latest first, with the item as it came."""
    rows = queries_rejects.rejects(
        driver(session), store_id=store_id, before=before, cleared=cleared, limit=limit
    )
    data_key = vault.owner_key(session, INSTALLATION)
    for row in rows:
        raw = open_sealed(data_key or b"", row.pop("sealed"), _CONTEXT)
        row["item"] = _shown(raw)
    return rows


def _shown(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except (orjson.JSONDecodeError, NotJson):
        return raw[:2000].decode("utf-8", "replace")


def clear(session: Session, *, reject_id: UUID, note: str | None, by: str, now: datetime) -> None:
    """A person has seen to a refused item.

    :raises RejectUnknown: there is no such item that is still open.
    """
    if not queries_rejects.clear_reject(driver(session), reject_id=reject_id, note=note, by=by, now=now):
        raise service.RejectUnknown
