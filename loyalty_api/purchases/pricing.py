"""Pricing a basket: the same rating as a purchase, with nothing taken, locked or stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.coupons.service import CouponBook, Presented, open_coupons
from loyalty_api.db import driver
from loyalty_api.facts.service import Counted, counted
from loyalty_api.ledger.rules import overdue
from loyalty_api.ledger.service import open_books
from loyalty_api.purchases import couponing, gifting, queries, rules
from loyalty_api.purchases.answers import coupon_answer
from loyalty_api.purchases.counting import facts_with_tier, levels_too, parted
from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.limiting import look, reading
from loyalty_api.purchases.quoting import told
from loyalty_api.purchases.quoting_parts import priced_line, redeemable, to_be_issued
from loyalty_api.purchases.recording import CurrencyMismatch, MemberMismatch
from loyalty_api.purchases.redeeming import Redeemable, with_points
from loyalty_api.purchases.rules_charged import mark_of, unpriced
from loyalty_api.purchases.service import blind_in, member_in
from loyalty_api.purchases.suggesting import Suggested, suggest
from loyalty_api.quotes import HONOURED, Quote, write_quote
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.stores.service import StoreUnknown
from loyalty_api.tiers import service as tiers
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Pricing:
    """A basket as it was priced: as it was ``sold``, without what points pay (``unwished``) and with it, what is known
    of who buys, and what the rules were told."""

    sold: Basket
    unwished: Basket
    basket: Basket
    program: Program | None
    unpaid: Decision | None
    decision: Decision | None
    redeemable: Redeemable | None
    member: queries.MemberRow | None
    tier: tiers.TierBook | None
    available: int
    discrepancies: list[rules.Discrepancy]
    coupons: Presented
    book: CouponBook
    facts: Facts
    counted: Counted
    at: datetime
    pauses: frozenset[int] = frozenset()
    suggested: Sequence[Suggested] = ()

    @property
    def mark(self) -> str:
        """What is honoured: the price that the program set; it sets none without promotions."""
        if self.program is None or self.program.promotions is None:
            return ""
        return mark_of(self.unwished, self.member.member_id if self.member else None)


def quote(session: Session, desk: Desk, *, body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What a basket costs and earns now. No side effect: the id of the quote carries its promise itself.

    :raises StoreUnknown: the store is not one of the program's.
    :raises CurrencyMismatch: the program has another currency.
    :raises MemberMismatch: identifier and member_id name two members.
    """
    priced = price_basket(driver(session), desk, body=body, now=now)
    basket, decision = priced.basket, priced.decision
    until = (now + HONOURED).replace(microsecond=0)
    points = decision.points() if decision else 0
    version = priced.program.version if priced.program else 0
    unpaid = priced.unpaid.points() if priced.unpaid else 0
    most = priced.redeemable.most if priced.redeemable else None
    return {
        "quote_id": write_quote(desk.vault, Quote(version, until, points, most, priced.mark, priced.pauses)),
        "honoured_until": until,
        "program_version": version or None,
        "currency": body["currency"],
        "member": _member(priced),
        "totals": _totals(priced),
        "lines": [priced_line(line) for line in basket.lines],
        "redeemable": redeemable(priced.redeemable),
        "points": {
            "base": decision.points(award="base") if decision else 0,
            "bonus": decision.points(award="bonus") if decision else 0,
            "total": points,
            "if_not_redeeming": unpaid,
            "available_at": _first_available(decision),
        },
        "coupons": [coupon_answer(shown) for shown in priced.coupons.told(None)] + to_be_issued(decision),
        "discrepancies": priced.discrepancies,
        **told(
            decision,
            priced.program,
            body,
            odd=priced.discrepancies,
            known=priced.member is not None,
            suggested=priced.suggested,
        ),
    }


def _totals(priced: Pricing) -> dict[str, int]:
    amount = sum([line.amount for line in priced.sold.lines])
    sold, total = (sum([line.paid for line in basket.lines]) for basket in (priced.sold, priced.basket))
    return {
        "amount": amount,
        "till_discounts": amount - sold,
        "program_discounts": sold - total,
        "total": total,
    }


@dataclass(frozen=True, slots=True)
class _Buyer:
    """Who buys, as one look at the database shows them: the member if there is one, their level, what is counted."""

    opened: queries.Opened
    counting: list[TupleRow]
    member: queries.MemberRow | None
    tier: tiers.TierBook | None


def _buyer(
    connection: Connection[TupleRow],
    desk: Desk,
    body: Mapping[str, Any],
    program: Program | None,
    now: datetime,
    lock: bool,
) -> _Buyer:
    blind, member_id = blind_in(body, desk.vault), member_in(body)
    through = tiers.timeline(desk.programs, connection, now)
    opened = queries.open_receipts(
        connection,
        receipts=[],
        blinds=[blind] if blind else [],
        member_ids=[member_id] if member_id else [],
        lock=lock,
        also=[*reading([(program, min(body["occurred_at"], now), body["store"])], now), *levels_too(through)],
    )
    if len(opened.members) > 1 or (member_id and member_id not in opened.members):
        raise MemberMismatch
    counting, levels = parted(opened.also, through)
    books = tiers.open_books(levels, members=opened.members if through else {}, through=through, now=now)
    member = next(iter(opened.members.values()), None)
    return _Buyer(opened, counting, member, next(iter(books.values()), None))


def price_basket(
    connection: Connection[TupleRow],
    desk: Desk,
    *,
    body: Mapping[str, Any],
    now: datetime,
    lock: bool = False,
) -> Pricing:
    """Price a basket; with ``lock`` its member and its coupons are ours until the transaction ends.

    Errors as for ``quote``.
    """
    at = min(body["occurred_at"], now)
    program, pauses = desk.programs.at_with_pauses(connection, at)
    buyer = _buyer(connection, desk, body, program, now, lock)
    opened, member, tier = buyer.opened, buyer.member, buyer.tier
    version = opened.masters.get("products", 0)
    basket = _basket(connection, desk, body, program, opened)
    late_days = program.settings.late_days if program else None
    timed = rules.timing(body["occurred_at"], now=now, late_days=late_days)
    known = partial(facts_with_tier, connection, member, tier, program=program, vault=desk.vault)
    rated_at, count = timed.rated_at or at, counted(buyer.counting)
    book, shown = _shown(connection, desk, body, member, (rated_at, now), known, lock=lock)
    unknown = body["identifier"] is not None and member is None
    odd = [
        *timed.discrepancies,
        *rules.goods_back(basket.lines),
        *rules.refusals(status=member.status if member else None, unknown_identifier=unknown),
        *shown.discrepancies,
    ]
    available = _available(connection, opened, member, now)
    if program and program.promotions:
        basket = unpriced(basket)
    if program is None or timed.rated_at is None:
        return Pricing(
            basket, basket, basket, program, None, None, None, member, tier, available, odd, shown, book,
            Facts(), count, rated_at,
        )  # fmt: skip
    basket, facts = couponing.shown_in(shown, basket, known(at=timed.rated_at))
    facts = gifting.facts_of_goods(connection, desk.catalogue, facts, program, version=version)
    member_id = member.member_id if member else None
    facts = look(connection, count, basket, facts, program, timed.rated_at, tier=tier, member_id=member_id)
    priced = with_points(
        basket, facts, program, timed.rated_at, available=available, wish=body.get("redeem")
    )  # fmt: skip
    suggested = suggest(
        connection, desk, basket, program=program, facts=facts, known=known, at=timed.rated_at, version=version
    )  # fmt: skip
    return Pricing(
        basket, priced.unwished, priced.basket, program, priced.unpaid, priced.decision, priced.redeemable, member,
        tier, available, odd, shown, book, facts, count, rated_at, pauses, suggested,
    )  # fmt: skip


def _basket(
    connection: Connection[TupleRow],
    desk: Desk,
    body: Mapping[str, Any],
    program: Program | None,
    opened: queries.Opened,
) -> Basket:
    """What is bought, with what the masters say of its store and products."""
    store = desk.directory.known(connection, version=opened.masters.get("stores", 0)).get(body["store"])
    if store is None:
        raise StoreUnknown(f"We do not know the store {body['store']}.")
    if program and program.settings.currency != body["currency"]:
        raise CurrencyMismatch(f"Its currency is {program.settings.currency}.")
    skus = [line["sku"] for line in body["lines"] if "sku" in line]
    products = desk.catalogue.resolve(connection, skus, version=opened.masters.get("products", 0))
    return rules.basket_of(body, products, time_zone=store.time_zone)


def _shown(
    connection: Connection[TupleRow],
    desk: Desk,
    body: Mapping[str, Any],
    member: queries.MemberRow | None,
    moments: tuple[datetime, datetime],
    known: Callable[..., Facts],
    *,
    lock: bool,
) -> tuple[CouponBook, Presented]:
    """The coupons that the basket shows, of the sale's own moment and as they are now."""
    at, now = moments
    book = open_coupons(connection, desk.vault, body.get("coupons") or (), lock=lock, now=now)
    of_audience = partial(known, at=at, asks=couponing.EVERYTHING)
    return book, couponing.present(book, body, member=member, at=at, known=of_audience)


def _available(
    connection: Connection[TupleRow],
    opened: queries.Opened,
    member: queries.MemberRow | None,
    now: datetime,
) -> int:
    """What the member can spend now, time having done what it was due to do."""
    if member is None:
        return 0
    books = open_books(connection, versions={member.member_id: member.version}, balances=opened.balances)
    return overdue(books[member.member_id].account, now)[1].balance.available


def _member(priced: Pricing) -> dict[str, Any] | None:
    if priced.member is None:
        return None
    return {
        "member_id": ids.show("mbr", priced.member.member_id),
        "status": priced.member.status,
        "tier": priced.tier.state.shown if priced.tier else None,
        "available": priced.available,
    }


def _first_available(decision: Decision | None) -> datetime | None:
    moments = [e.available_at for e in decision.effects if e.available_at] if decision else []
    return min(moments) if moments else None
