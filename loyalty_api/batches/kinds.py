"""The kinds of item that a batch may hold: how each is made ready, and how it is recorded.

A new kind is an entry more: a ``Kind`` under its word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.errors import LoyaltyError
from loyalty_api.purchases import service as purchases
from loyalty_api.purchases.copies import Outcome
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.recording import record as record_purchases
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions.rules import Caller, RedemptionUnknown
from loyalty_api.returns import service as returns
from loyalty_api.returns import voiding

Body = Mapping[str, Any]
Load = Callable[[Any], Body]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an item. ``status``: created, duplicate, waiting, matches or differs; refused with an ``error``.

    ``points`` is what it did to the member's points; ``more`` are further members of its result.
    """

    status: str = "rejected"
    id: str | None = None
    points: int | None = None
    error: LoyaltyError | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who hands the batch in, under which scopes, and for which stores: ``ensure_store`` refuses the others."""

    who: Who
    ensure_store: Callable[[str], None]
    scopes: frozenset[str] = frozenset()
    store_id: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of item. ``load`` checks its body and ``prepare`` makes it ready to be recorded, while another
    transaction is being written; None means that there is nothing to keep. Up to ``at_once`` items are recorded in
    one transaction, and may let a thread of ``aside`` write meanwhile. It takes the ``scope``, beside what the batch
    itself takes. A ``bare`` item has its members beside its type instead of in a body.
    """

    load: Load
    prepare: Callable[[Desk, Sender, Body], Any]
    record: Callable[[Session, Desk, Sequence[Any], Sender, datetime, Executor], list[Done]]
    scope: str | None = None
    at_once: int = 1
    bare: bool = False


def _purchase(desk: Desk, sender: Sender, body: Body) -> Any:
    sender.ensure_store(body["store"])
    if body["kind"] == "training":
        return None
    return purchases.reported(body, vault=desk.vault, purchase_id=ids.new())


def _record_purchases(
    session: Session, desk: Desk, items: Sequence[Any], sender: Sender, now: datetime, aside: Executor
) -> list[Done]:
    outcomes = record_purchases(session, desk, items, who=sender.who, now=now, aside=aside)
    return [_sold(outcome) for outcome in outcomes]


def _sold(outcome: Outcome) -> Done:
    row = outcome.row
    if row is None:
        return Done(error=outcome.error)
    points = row["points_base"] + row["points_bonus"]
    return Done("duplicate" if outcome.replayed else "created", ids.show("pur", row["purchase_id"]), points)


def _return(desk: Desk, sender: Sender, body: Body) -> Any:
    sender.ensure_store(body["store"])
    return returns.reported(body, vault=desk.vault, return_id=ids.new())


def _record_return(
    session: Session, desk: Desk, items: Sequence[Any], sender: Sender, now: datetime, _aside: Executor
) -> list[Done]:
    (report,) = items
    try:
        with session.begin_nested():
            outcome = returns.bring_back(session, desk, report=report, who=sender.who, now=now)
    except LoyaltyError as error:
        return [_refused(error)]
    row = outcome.row
    first = "waiting" if row["status"] == "waiting" else "created"
    return [_came_back(row, "duplicate" if outcome.replayed else first)]


def _came_back(row: Body, status: str) -> Done:
    points = row["points_given_back"] - row["points_taken_back"]
    return Done(status, ids.show("ret", row["return_id"]), points)


def _void(_desk: Desk, sender: Sender, body: Body) -> Any:
    store = body["original"].get("store")
    if store is not None:
        sender.ensure_store(store)
    return body


def _record_void(
    session: Session, desk: Desk, items: Sequence[Any], sender: Sender, now: datetime, _aside: Executor
) -> list[Done]:
    (body,) = items
    try:
        with session.begin_nested():
            sender.ensure_store(voiding.store_of(session, body["original"]))
            row = voiding.void_purchase(
                session, desk, original=body["original"], reason=body["reason"], void_id=ids.new(),
                who=sender.who, now=now,
            )  # fmt: skip
    except voiding.AlreadyVoided:
        return [Done("duplicate")]
    except LoyaltyError as error:
        return [_refused(error)]
    return [_came_back(row, "created")]


def _release(_desk: Desk, _sender: Sender, body: Body) -> Any:
    redemption_id = ids.read("red", body["redemption_id"])
    if redemption_id is None:
        raise RedemptionUnknown
    return redemption_id, body["occurred_at"]


def _record_release(
    session: Session, desk: Desk, items: Sequence[Any], sender: Sender, now: datetime, _aside: Executor
) -> list[Done]:
    """A hold that the till gave up while it was alone; one that is over by now is a duplicate."""
    ((redemption_id, occurred_at),) = items
    caller = Caller(sender.who.client_id, sender.who.kind, sender.store_id)
    try:
        with session.begin_nested():
            freed = redemptions.release(
                session, redemptions.Counter(desk.vault, desk.programs), redemption_id=redemption_id,
                step_id=ids.new(), occurred_at=occurred_at, caller=caller, now=now,
            )  # fmt: skip
    except LoyaltyError as error:
        return [_refused(error)]
    return [Done("created" if freed.fresh else "duplicate", ids.show("red", redemption_id), 0)]


def _refused(error: LoyaltyError) -> Done:
    """A refusal of one item; what may pass stops the batch, which is sent again."""
    if error.status >= 500:
        raise error
    return Done(error=error)


def _totals(_desk: Desk, sender: Sender, body: Body) -> Any:
    sender.ensure_store(body["store"])
    return body


def _compare(
    session: Session, _desk: Desk, items: Sequence[Any], _sender: Sender, _now: datetime, _aside: Executor
) -> list[Done]:
    """What the till counted against what is here, for one lane and one business date."""
    (body,) = items
    lane = {name: body[name] for name in ("store", "terminal", "business_date")}
    sold, total = purchases.day_of(session, **lane)
    here = {"purchases": sold, "returns": returns.day_of(session, **lane), "total": total}
    differences = {
        name: {"sent": body[name], "recorded": number}
        for name, number in here.items()
        if body.get(name) not in (None, number)
    }
    if not differences:
        return [Done("matches")]
    return [Done("differs", more={"differences": differences})]


def kinds(loaders: Mapping[str, Load], *, purchases_at_once: int) -> dict[str, Kind]:
    """Every kind of item by its word; ``loaders`` check the body of each."""
    return {
        "purchase": Kind(loaders["purchase"], _purchase, _record_purchases, at_once=purchases_at_once),
        "return": Kind(loaders["return"], _return, _record_return, "returns:write"),
        "void": Kind(loaders["void"], _void, _record_void, "returns:write"),
        "release": Kind(loaders["release"], _release, _record_release, "redemptions:write", bare=True),
        "totals": Kind(loaders["totals"], _totals, _compare),
    }
