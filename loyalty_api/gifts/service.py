"""The one door through which every gift is granted, and what others ask of gifts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, masters
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.facts import service as facts_service
from loyalty_api.gifts import queries, rewarding
from loyalty_api.gifts.coming_back import Back, give_again, take_back
from loyalty_api.gifts.granting import Because, events_of, kept, made, of_purchase
from loyalty_api.gifts.passing import pass_time
from loyalty_api.gifts.queries import GIFTS, row_of
from loyalty_api.gifts.rewarding import Offered, missing, offered
from loyalty_api.gifts.rules_alone import refusal
from loyalty_api.gifts.rules_giving import is_withheld
from loyalty_api.gifts.rules_life import Gift, GiftUnknown
from loyalty_api.gifts.rules_limits import claims_of, exhausted, needs, sizes
from loyalty_api.gifts.rules_types import GiftRule, Gifts
from loyalty_api.gifts.telling import why
from loyalty_api.ledger.service import Book
from loyalty_api.products.rules import Product
from loyalty_api.products.service import Catalogue
from loyalty_api.program.service import Programs
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.facts import Facts
from loyalty_api.vault import Vault

__all__ = [
    "GIFTS", "Back", "Because", "Gift", "GiftUnknown", "Granted", "Offered", "RuleUnknown", "Shop", "events_of",
    "give_again", "grant", "kept", "look", "missing", "of_purchase", "offered", "pass_time", "row_of", "standing",
    "take_back", "unopened", "why", "withheld",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shop:
    """What gifts lean on in this process. The programs are those of rating, of which gifts and settings matter."""

    vault: Vault
    programs: Programs[Any]
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Granted:
    """The gift, or the code that says why there is none; ``fresh``: it was granted just now and not before."""

    gift: Gift | None = None
    refused: str | None = None
    numbers: Mapping[str, int] | None = None
    fresh: bool = False


class RuleUnknown(NotFound):
    """The version in force has no gift rule with this id."""

    code, title = "gift_rule_unknown", "There is no such gift rule"


def grant(
    session: Session,
    shop: Shop,
    *,
    book: Book,
    facts: Facts,
    rule_id: str,
    gift_id: UUID,
    because: Because,
    now: datetime,
) -> Granted:
    """Grant a gift by a rule of the version in force, or say why not; the caller holds the member and writes ``book``.

    ``facts`` are those of the member now, with what the rule's condition asks for. The answer says the code of what
    stands against it: ``paused``, ``outside_window``, ``other_store``, ``member_blocked``, ``staff``, ``not_a_gift``,
    ``gift_had``, ``gifts_used_up``, that of a condition, or why a reward cannot be given (``reward_unknown``,
    ``no_longer_offered``, ``not_yet_offered``, ``not_in_this_store``, ``reward_out_of_stock``). Budgets and stock are
    taken by it. The member's version moves on with ``book``.

    :raises RuleUnknown: the version in force has no such rule.
    :raises Unavailable: the last piece of a reward is being put back this moment; come again.
    """
    connection = driver(session)
    program = shop.programs.at(connection, now)
    rule = program.gifts.numbered(rule_id) if program and program.gifts else None
    if program is None or rule is None:
        raise RuleUnknown
    before = because.once and queries.under(connection, book.member_id, rule_id, because.once)
    if before:
        return Granted(before)
    against = refusal(
        rule, facts, paused=program.paused, store_id=because.store_id, at=now, zone=program.settings.zone,
        withheld=_goods_withheld(connection, shop, program.gifts, rule),
    )  # fmt: skip
    if against is not None:
        return Granted(refused=against.code, numbers=dict(against.numbers))
    piece = rewarding.keep(connection, rule, because.store_id, now)
    if isinstance(piece, str):
        return Granted(refused=piece)
    day = local_day(now, program.settings.zone)
    if (code := _taken(session, rule, book.member_id, facts, day, now)) is not None:
        rewarding.put_back(connection, piece.taken_of)
        return Granted(refused=code)
    gift = made(
        rule, version=program.version, member_id=book.member_id, gift_id=gift_id, because=because,
        remind_days=program.gifts.remind_days, zone=program.settings.zone, now=now,
    )  # fmt: skip
    gift = piece.given(gift)
    write(connection, [(GIFTS, [row_of(gift)]), (events.EVENTS, events_of(gift, now=now))])
    book.touched = True
    return Granted(gift, fresh=True)


def _goods_withheld(connection: Connection[TupleRow], shop: Shop, gifts: Gifts, rule: GiftRule) -> bool:
    if rule.give.sku is None:
        return False
    version = masters.version(connection, "products")
    return bool(withheld(gifts, [rule], shop.catalogue.resolve(connection, [rule.give.sku], version=version)))


def _taken(
    session: Session, rule: GiftRule, member_id: UUID, facts: Facts, day: date, now: datetime
) -> str | None:
    """Count the gift and take it of its limits; else the code of what is used up. It ends when a limit is empty."""
    connection, asked, most = driver(session), needs([rule], day), sizes([rule], day)
    counted = facts_service.open_for(session, member_id=member_id, needs=asked, now=now)
    claims = claims_of(rule, day)
    while True:
        known = counted.facts(facts, member_id=member_id, needs=asked, budgets=most, past={})
        code = exhausted(rule, known, day)
        if code is not None:
            return code
        if counted.take(connection, claims, most, now=now):
            break
    counters = [(member_id, claim.key, claim.amount) for claim in claims if claim.kind == "counter"]
    write(connection, [(facts_service.COUNTERS, counters)])
    return None


def look(session: Session, *, gift_id: UUID, member_id: UUID) -> Gift | None:
    """A gift of a member's; None when there is none."""
    gift = queries.find(driver(session), gift_id)
    return gift if gift is not None and gift.member_id == member_id else None


def withheld(gifts: Gifts, rules: Iterable[GiftRule], products: Mapping[str, Product]) -> tuple[str, ...]:
    """The rules whose goods are kept from being a gift, as the master has them now: those that the program excludes,
    and alcohol and tobacco whatever it says (R57).

    A product that the master does not know is judged by its sku alone.
    """
    return tuple(
        [rule.rule_id for rule in rules if rule.give.sku and _is_withheld(gifts, rule.give.sku, products)]
    )


def _is_withheld(gifts: Gifts, sku: str, products: Mapping[str, Product]) -> bool:
    known = products.get(sku)
    line = Line(sku, 0, sku)
    if known is not None:
        line = Line(
            sku, 0, sku, type=known.type, category=known.category, department=known.department, brand=known.brand,
            legal_class=known.legal_class,
        )  # fmt: skip
    return is_withheld(gifts, line)


def unopened(session: Session, *, member_id: UUID, now: datetime) -> tuple[int, datetime | None]:
    """How many gifts wait for a member to be opened, and when that number changes by time alone."""
    return queries.unopened(driver(session), member_id, now)


def standing(session: Session, *, rule_id: str) -> tuple[int, int]:
    """How many gifts of a rule stand, whether they wait or were taken, and what they cost together in minor units."""
    return queries.standing(driver(session), rule_id)
