"""One gift to one member that no purchase brings: with the facts that its rule asks, through the one door of gifts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.gifts import service as gifts
from loyalty_api.gifts.rules import GiftRule
from loyalty_api.gifts.service import Because, Granted, RuleUnknown
from loyalty_api.ledger.service import Book
from loyalty_api.members.service import MemberRow
from loyalty_api.purchases.booking import member_row
from loyalty_api.purchases.counting import facts_with_tier
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules import Program
from loyalty_api.tiers import service as tiers


def rule_in_force(
    session: Session, desk: Desk, *, rule_id: str, kind: str, now: datetime
) -> tuple[Program, GiftRule]:
    """The version in force, and its rule of this id whose trigger is of this ``kind``.

    :raises RuleUnknown: it has none.
    """
    program = desk.programs.at(driver(session), now)
    rule = program.gifts.numbered(rule_id) if program and program.gifts else None
    if program is None or rule is None or rule.trigger.kind != kind:
        raise RuleUnknown
    return program, rule


def give(
    session: Session,
    desk: Desk,
    *,
    program: Program,
    rule: GiftRule,
    member: MemberRow,
    book: Book,
    gift_id: UUID,
    because: Because,
    now: datetime,
) -> Granted:
    """Grant a gift of the version in force to a member who is held, or say why not; the caller writes ``book``."""
    connection = driver(session)
    tier = tiers.open_now(connection, desk.programs, member_id=member.member_id, now=now)
    facts = facts_with_tier(
        connection, member_row(member), tier, program=program, at=now, vault=desk.vault, asks=rule.asks
    )
    shop = gifts.Shop(desk.vault, desk.programs, desk.catalogue)
    return gifts.grant(
        session, shop, book=book, facts=facts, rule_id=rule.rule_id, gift_id=gift_id, because=because, now=now
    )
