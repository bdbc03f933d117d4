"""Stored purchases, returns and facts, read back into what a fold works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.publishing.queries_replay import SEPARATOR
from loyalty_api.rating.rules_returns import ALL, NOTHING, Progress, progress_from
from loyalty_api.rulekit.basket import NO_PATH, Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import READABLE, Claim, Decision, Effect, Rate, Reason
from loyalty_api.rulekit.facts import Member
from loyalty_api.rulekit.stored import decision_from_json
from loyalty_api.rulekit.stored_gifts import gift_given


@dataclass(frozen=True, slots=True)
class Sold:
    """A stored purchase: its row, when it was rated, and what was in it."""

    member_id: UUID
    purchase_id: UUID
    at: datetime
    basket: Basket
    known: str | None
    decision: str | None
    back: Mapping[str, Progress]


@dataclass(frozen=True, slots=True)
class Back:
    """One purchase's part in a return: how far its lines had come back before and after it."""

    return_id: UUID
    sold: Sold
    at: datetime
    recorded_at: datetime
    before: Mapping[str, Progress]
    after: Mapping[str, Progress]
    whole: bool
    counted: Sequence[Sequence[Any]]

    @property
    def purchase_id(self) -> UUID:
        """The purchase of which something came back."""
        return self.sold.purchase_id


def purchase_in(part: Mapping[str, Any]) -> UUID:
    """The purchase that a part of a return is about."""
    return ids.read("pur", part["purchase_id"]) or UUID(int=0)


def back_of(row: TupleRow, part: Mapping[str, Any], sold: Sold, state: dict[str, Progress]) -> Back:
    """A part of a return; ``state`` is how far its purchase has come back with it, and is taken back before it."""
    touched: Mapping[str, Sequence[Any] | None] = part["lines"]
    after = {line_id: state[line_id] for line_id in touched if line_id in state}
    whole = all(state.get(line.line_id, NOTHING).part == ALL for line in sold.basket.lines)
    for line_id, before in touched.items():
        if before is None:
            state.pop(line_id, None)
        else:
            state.update(progress_from({line_id: before}))
    at = max(row[2], sold.at)
    return Back(row[1], sold, at, row[3], dict(state), after, whole, part.get("counted", ()))


def sold_of(row: TupleRow, lines: list[TupleRow]) -> Sold:
    """A purchase's row with those of its lines, in any order."""
    member_id, purchase_id, occurred_at, recorded_at, store, currency, kind, channel = row[:8]
    receipt = orjson.loads(row[8])
    payments, coupons = receipt.get("payments"), receipt.get("coupons")
    lines.sort(key=_number)
    basket = Basket(
        store,
        currency,
        tuple([_line(line) for line in lines]),
        tuple([Payment(p["kind"], p["amount"], p.get("redemption_id")) for p in payments])
        if payments
        else (),
        kind,
        channel,
        receipt.get("tax_included", False),
        receipt.get("time_zone"),
        "settled",
        tuple(coupons) if coupons else (),
    )
    back = progress_from(orjson.loads(row[11])) if row[11] else {}
    at = min(occurred_at, recorded_at)
    return Sold(member_id, purchase_id, at, basket, row[9], row[10], back)


def _number(row: TupleRow) -> int:
    number: int = row[1]
    return number


def _line(row: TupleRow) -> Line:
    (
        _,
        _,
        line_id,
        amount,
        sku,
        quantity,
        unit,
        kind,
        discounts,
        category,
        department,
        brand,
        legal,
        tax,
        tags,
    ) = row
    return Line(
        line_id,
        amount,
        sku,
        quantity,
        unit,
        kind,
        _discounts(discounts) if discounts else (),
        _path(category) if category else NO_PATH,
        department,
        brand,
        legal,
        tax,
        tags=_path(tags) if tags else (),
    )


@lru_cache(maxsize=20_000)
def _path(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(SEPARATOR))


def _discounts(text: str) -> tuple[LineDiscount, ...]:
    names = ("source", "amount", "kind", "promotion_id", "basket_wide")
    found = [{name: said[name] for name in names if name in said} for said in orjson.loads(text)]
    return tuple([LineDiscount(**said) for said in found])


@lru_cache(maxsize=4096)
def member_told(text: str | None) -> Member:
    """What the rules were told of the member, its level left out."""
    known = orjson.loads(text) if text else {}
    return Member(
        known.get("status", "active"),
        None,
        known.get("staff", False),
        tuple(known.get("segments", ())),
        known.get("attributes", {}),
        known.get("no_gifts", False),
        known.get("no_profiling", False),
    )


def decided(text: str | None, *, comes_back: bool = True) -> Decision | None:
    """A stored decision, as far as a fold looks at it: why rules gave nothing is left out, unless the whole basket is
    meant, and so is which line earned what where nothing ``comes_back``."""
    if not text:
        return None
    document = orjson.loads(text)
    if comes_back or document["e"] not in READABLE:
        return decision_from_json(document)
    get = document.get
    reasons = [Reason(**reason) for reason in get("reasons", ()) if reason["rule"] is None]
    return Decision(
        document["version"],
        datetime.fromisoformat(document["at"]),
        tuple([_effect(effect) for effect in get("effects", ())]),
        tuple(reasons),
        (),
        tuple([Claim(*claim) for claim in get("claims", ())]),
        tuple([(row[0], row[1]) for row in get("basis", ())]),
        document["e"],
        gifts=tuple([gift_given(gift) for gift in get("gifts", ())]),
    )


_ANY_RATE = Rate(1, 1)


def _effect(document: Mapping[str, Any]) -> Effect:
    expires_at = document.get("expires_at")
    return Effect(
        document["rule"],
        document["award"],
        document["desired"],
        document["granted"],
        (),
        document["basis"],
        _ANY_RATE,
        None,
        datetime.fromisoformat(expires_at) if expires_at else None,
        document.get("sliding_months"),
        document["kind"],
    )
