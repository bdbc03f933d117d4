"""Goods that come back count less towards a level, on the day of their purchase (R53)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.service import Book
from loyalty_api.rating.rules_counted import counted
from loyalty_api.returns.moving import Part
from loyalty_api.tiers.rules import NOTHING
from loyalty_api.tiers.service import TIME, Counted, TierBook, Timeline, open_book, write_book

Row = dict[str, Any]


def count_less(
    connection: Connection[TupleRow],
    row: Row,
    parts: Sequence[Part],
    book: Book,
    through: Timeline,
    now: datetime,
) -> None:
    """Take off what no longer counts; ``row`` keeps it, so that a void of the return can put it back."""
    each = [_less(part) for part in parts if "counted" in part.opened.row["outcome"]]
    less = [told for told in each if told.amounts != NOTHING]
    if not less and not through:
        return
    tier = open_book(connection, book.member_id, through=through, now=now)
    for told in less:
        tier.take_progress(told)
    if less:
        row["outcome"]["counted"] = [told.stored() for told in less]
    _finish(connection, row, tier, book)


def count_again(
    connection: Connection[TupleRow], row: Row, book: Book, through: Timeline, now: datetime
) -> None:
    """A return is undone: what it took off counts again."""
    less: Sequence[Mapping[str, Any]] = row["outcome"].get("counted", ())
    if not less:
        return
    tier = open_book(connection, book.member_id, through=through, now=now)
    for told in less:
        tier.add_progress(Counted.read(told), by=TIME)
    _finish(connection, row, tier, book)


def _less(part: Part) -> Counted:
    """What counted of a purchase before this return and does not after it."""
    bought = part.opened.bought
    before, after = (
        counted(bought.decision, bought.lines, back) for back in (bought.before, part.back.after)
    )
    kept = Counted.read(part.opened.row["outcome"]["counted"])
    less = before - after
    # Another purchase of the same visit carries it: then this one never counted as one.
    return Counted(kept.day, less if kept.amounts.visits else replace(less, visits=0))


def _finish(connection: Connection[TupleRow], row: Row, tier: TierBook, book: Book) -> None:
    if tier.policy:
        row["outcome"]["tier"] = tier.shown(before=tier.first)
    write_book(connection, tier)
    book.touched = book.touched or tier.changed
