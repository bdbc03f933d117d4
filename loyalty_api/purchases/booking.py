"""From a decision to what is kept of it: lots and postings, points by line, the balance that the answer shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from loyalty_api import ids
from loyalty_api.codes import masked
from loyalty_api.ledger.rules import Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.members.service import MemberRow as LockedMember
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import ENGINE, Decision, Effect
from loyalty_api.rulekit.facts import NOBODY, Facts, Member

Row = dict[str, Any]
# Everything a purchase makes has an id counted up from its own.
_JOURNAL, _FIRST_LOT = 1, 2
_MOMENT = timedelta(microseconds=1)


def facts_of(
    member: MemberRow | None,
    program: Program | None = None,
    at: datetime | None = None,
    asks: frozenset[str] | None = None,
) -> Facts:
    """What the rules are told about the member; of what only some programs ask, what ``program`` asks ``at`` then.

    ``asks`` are the facts that conditions need; those of the rules about purchases when it is left out.
    """
    if member is None:
        return NOBODY
    asked = program.earning.asks if program and asks is None else asks or frozenset()
    attributes = _attributes(member, program, at, asked) if program and at and asked else {}
    return Facts(
        Member(
            member.status, None, member.is_staff, tuple(member.tags), attributes,
            member.no_gifts, member.no_profiling,
        )
    )  # fmt: skip


def _attributes(
    member: MemberRow, program: Program, at: datetime, asks: frozenset[str]
) -> dict[str, str | int | bool]:
    """Days are those of the program; what is not known is left out."""
    found: dict[str, str | int | None] = {}
    if "enrolled" in asks:
        zone = program.settings.zone
        day = local_day(member.enrolled_at, zone)
        found["enrolled_on"] = day.isoformat()
        found["member_for_days"] = max(0, (local_day(at, zone) - day).days)
    if "profile" in asks:
        found |= {"language": member.language, "home_store": member.home_store}
    return {name: value for name, value in found.items() if value is not None}


def member_row(locked: LockedMember) -> MemberRow:
    """A member that was locked with its book, as rating looks at it."""
    return MemberRow(
        locked.member_id, locked.status, locked.version, locked.is_staff, locked.tags, locked.enrolled_at,
        locked.language, locked.home_store, locked.no_gifts, locked.no_profiling,
    )  # fmt: skip


def book_points(
    book: Book,
    decision: Decision | None,
    *,
    first_id: UUID,
    occurred_at: datetime,
    cause: Cause,
    now: datetime,
) -> None:
    """Book what the decision grants as one journal; effects with the same terms share a lot.

    The journal and its lots get ids counted up from ``first_id``; the lots come from the cause.
    """
    effects = [effect for effect in decision.effects if effect.granted > 0] if decision else []
    terms: dict[tuple[Any, ...], list[Effect]] = defaultdict(list)
    for effect in effects:
        terms[(effect.available_at, effect.expires_at, effect.sliding_months, effect.awaits)].append(effect)
    lots, postings = [], []
    for n, ((available_at, expires_at, sliding, awaits), given) in enumerate(terms.items()):
        lot = Lot(
            ids.nth(first_id, _FIRST_LOT + n), cause.type, cause.id, occurred_at, now, available_at,
            expires_at, sum(effect.granted for effect in given), sliding_months=sliding,
            program_version=decision.version if decision else None, awaits=awaits,
        )  # fmt: skip
        account = "available" if available_at is not None and available_at <= now else "pending"
        lots.append(lot)
        postings += [_posting(effect, account, lot) for effect in given]
    book.record(
        Movement("earn", occurred_at, tuple(postings)),
        journal_id=ids.nth(first_id, _JOURNAL),
        cause=cause,
        now=now,
        arriving=lots,
    )


def _posting(effect: Effect, account: str, lot: Lot) -> Posting:
    rate = effect.rate
    basis = {
        "basis": effect.basis, "points": rate.points, "per": rate.per, "unit": rate.unit, "round": rate.round,
        "desired": effect.desired, "award": effect.award, "lines": dict(effect.shares),
        **({"by_line": True} if rate.by_line else {}),
    }  # fmt: skip
    return Posting("issued", account, effect.granted, lot.lot_id, effect.rule, lot.program_version, basis)


def line_rows(
    row: Row, basket: Basket, sent: Sequence[Mapping[str, Any]], decision: Decision | None
) -> list[Row]:
    """The rows of a purchase's lines: as sold, with what the master knew then and the points each earned."""
    points = line_points(decision)
    member_id, purchase_id = row["member_id"], row["purchase_id"]
    return [
        {
            "member_id": member_id,
            "purchase_id": purchase_id,
            "line_no": n,
            "line_id": line.line_id,
            "type": line.type,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit": line.unit,
            "amount": line.amount,
            "paid": line.paid,
            "points": points[line.line_id],
            "category": line.category or None,
            "department": line.department,
            "brand": line.brand,
            "legal_class": line.legal_class,
            "tax_rate": line.tax_rate,
            "discounts": _without_codes(said.get("discounts")),
            "tags": line.tags or None,
        }
        for n, (line, said) in enumerate(zip(basket.lines, sent, strict=True))
    ]


def _without_codes(discounts: Sequence[Mapping[str, Any]] | None) -> list[Row] | None:
    """A line's discounts as they are kept: of the code of a coupon only its end."""
    if not discounts:
        return None
    return [
        {**given, "coupon": masked(given["coupon"])} if given.get("coupon") else dict(given)
        for given in discounts
    ]


def line_points(decision: Decision | None) -> dict[str, int]:
    """The points that each line earned, by all rules together; lines without points are 0."""
    points: dict[str, int] = defaultdict(int)
    for effect in decision.effects if decision else ():
        for line_id, share in effect.shares:
            points[line_id] += share
    return points


def activity_expiry(at: datetime, program: Program) -> Callable[[int], datetime]:
    """When points that live by activity expire after activity at ``at``, for so many months."""

    def expiry(months: int) -> datetime:
        terms = LotTerms(expire=("inactivity", months), exact=program.settings.lots.exact)
        return terms_for(terms=terms, at=at, zone=program.settings.zone).expires_at or at

    return expiry


def note_balance(row: Row, book: Book, program: Program | None) -> None:
    """Keep in the purchase what its answer says of the balance right after it."""
    balance = book.balance
    lots = [lot for lot in book.account.lots.values() if lot.expires_at and lot.available]
    if lots:
        first = min(lot.expires_at for lot in lots if lot.expires_at)
        points = sum(lot.available for lot in lots if lot.expires_at == first)
        row["outcome"]["expiring_next"] = {"points": points, "expires_at": first}
        if program:
            # They end as the next local day begins, so the last one is that of the moment before.
            last = local_day(first - _MOMENT, program.settings.zone)
            row["outcome"]["expiring_next"]["last_day"] = last
    row["outcome"]["balance"] = {
        "available": balance.available, "pending": balance.pending, "held": balance.held,
        "debt": balance.debt, "version": book.version_after,
    }  # fmt: skip


def basket_document(held: Mapping[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The stored basket in the form that the rules read."""
    receipt = held["receipt"]
    return {
        "e": ENGINE,
        "store": held["store_id"],
        "currency": held["currency"],
        "kind": held["kind"],
        "channel": held["channel"],
        "tax_included": receipt.get("tax_included", False),
        "payments": [
            {k: p[k] for k in ("kind", "amount", "redemption_id") if k in p}
            for p in receipt.get("payments", ())
        ],
        "coupons": receipt.get("coupons", ()),
        "time_zone": receipt.get("time_zone"),
        "lines": [stored_line(line) for line in lines],
    }


def stored_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """A stored line in the form that the rules read."""
    names = (
        "line_id", "amount", "sku", "quantity", "unit", "type", "category", "department", "brand",
        "legal_class", "tax_rate", "tags",
    )  # fmt: skip
    discounts = [
        {k: d[k] for k in ("source", "amount", "kind", "promotion_id", "basket_wide") if k in d}
        for d in line["discounts"] or ()
    ]
    return {**{name: line[name] for name in names if line[name] is not None}, "discounts": discounts}
