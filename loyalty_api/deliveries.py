"""What follows from what happened: reactions to events, delivered at least once and in order per member, and returns
whose purchase has come.

A reaction runs right after the request that caused it. Should that fail, the event stays due and is delivered by the
next request that causes one, or by the process's own look every few seconds.
"""

from __future__ import annotations

import logging
import threading

import flask
from flask import g

from loyalty_api import clock
from loyalty_api.db import Database, driver
from loyalty_api.purchases.desk import Desk
from loyalty_api.reactions import REACTIONS, Happened
from loyalty_api.returns import waiting

_EVERY_SECONDS = 5.0
_MOST = 1_000
_RETURNS_AT_ONCE = 100
_log = logging.getLogger(__name__)

# An event waits while an earlier one of its member is due, so that one member's reactions keep their order.
_NEXT = (
    "SELECT member_id, event_id, kind, subject, body FROM events e WHERE reaction_due AND NOT (event_id = ANY(%s))"
    " AND NOT EXISTS (SELECT 1 FROM events f WHERE f.reaction_due AND f.member_id = e.member_id"
    " AND f.event_id < e.event_id) ORDER BY event_id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_DONE = "UPDATE events SET reaction_due = false WHERE member_id = %s AND event_id = %s"


def deliver_due(database: Database, desk: Desk) -> int:
    """Deliver what is due, each event in a transaction of its own; how many were delivered."""
    delivered, failed = 0, list[int]()
    while delivered + len(failed) < _MOST:
        try:
            event_id = _deliver_one(database, desk, failed)
        except _Failed as failure:
            failed.append(failure.event_id)
            continue
        if event_id is None:
            break
        delivered += 1
    return delivered


class _Failed(Exception):
    def __init__(self, event_id: int) -> None:
        super().__init__(event_id)
        self.event_id = event_id


def _deliver_one(database: Database, desk: Desk, failed: list[int]) -> int | None:
    with database.unit_of_work() as session:
        row = driver(session).execute(_NEXT, (failed,)).fetchone()
        if row is None:
            return None
        member_id, event_id, kind, subject, body = row
        try:
            REACTIONS[kind](session, desk, Happened(member_id, kind, subject, body), clock.now())
        except Exception as error:
            _log.exception("reaction_failed", extra={"event_id": event_id, "kind": kind})
            raise _Failed(event_id) from error
        driver(session).execute(_DONE, (member_id, event_id))
        return int(event_id)


def apply_returns(database: Database, desk: Desk) -> int:
    """Apply returns that wait although they need not: they and their purchase came at the same moment; how many."""
    with database.unit_of_work() as session:
        return waiting.apply_due(session, desk, now=clock.now(), limit=_RETURNS_AT_ONCE)


def deliver_after(response: flask.Response) -> flask.Response:
    """Deliver what this request caused before it is answered, so that its caller finds it done."""
    if g.get("reaction_due"):
        extensions = flask.current_app.extensions
        try:
            deliver_due(extensions["database"], extensions["desk"])
        except Exception:
            _log.exception("delivery_failed")
    return response


def keep_delivering(app: flask.Flask) -> threading.Thread:
    """A thread of this process that delivers what was left over; it ends with the process."""
    database, desk = app.extensions["database"], app.extensions["desk"]
    pause = threading.Event()

    def run() -> None:
        while not pause.wait(_EVERY_SECONDS):
            try:
                deliver_due(database, desk)
                apply_returns(database, desk)
            except Exception:
                _log.exception("delivery_failed")

    thread = threading.Thread(target=run, name="deliveries", daemon=True)
    thread.start()
    return thread
