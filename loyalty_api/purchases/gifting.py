"""What purchases tell gifts and gifts tell purchases: goods that may not be given, and what was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.gifts.rules import Gifts
from loyalty_api.gifts.service import Gift, Offered, events_of, kept, of_purchase, offered, row_of, withheld
from loyalty_api.ledger.service import Book
from loyalty_api.products.service import Catalogue
from loyalty_api.purchases.drawing import Chances
from loyalty_api.purchases.rated import Rated, Row, Written
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts


def facts_of_goods(
    connection: Connection[TupleRow],
    catalogue: Catalogue,
    facts: Facts,
    program: Program | None,
    *,
    version: int,
) -> Facts:
    """The facts with the gift rules whose goods may not be given, as the master has them at ``version`` (R57)."""
    if program is None or program.gifts is None or facts.member is None:
        return facts
    skus = program.gifts.skus
    if not skus:
        return facts
    products = catalogue.resolve(connection, skus, version=version)
    found = withheld(program.gifts, program.gifts.at_purchase, products)
    return replace(facts, withheld=found) if found else facts


def open_rewards(
    connection: Connection[TupleRow], programs: Iterable[Program | None], *, hold: bool, now: datetime
) -> Offered | None:
    """The rewards that purchases under these programs may bring, locked with ``hold``; None where they bring none."""
    rewards = offered(connection, [program.gifts for program in programs if program], now=now)
    if rewards is not None and hold:
        rewards.hold()
    return rewards


@dataclass(frozen=True, slots=True)
class Rewarding:
    """What one purchase asks of rewards: which cannot be given, and whether there is a piece of those that are."""

    rewards: Offered
    gifts: Gifts | None
    store_id: str
    chances: Chances

    def facts(self, facts: Facts) -> Facts:
        """The facts with the draws of the day, and with the rules whose reward cannot be given."""
        return self.rewards.facts(self.chances(facts), self.gifts, self.store_id)

    def covers(self, decision: Decision) -> bool:
        """Whether there is a piece of all that a decision gives; if not, the facts are others now."""
        return self.rewards.covers(self.gifts, decision)


def bring(
    written: Written, row: Row, rated: Rated, book: Book, rewards: Offered | None, *, now: datetime
) -> Sequence[Gift]:
    """Note the gifts that a purchase brings: their rows and events, and what its answer says of them."""
    program, decision = rated.program, rated.decision
    if program is None or decision is None or not decision.gifts:
        return ()
    gifts = of_purchase(
        decision, program.gifts, member_id=book.member_id, purchase_id=row["purchase_id"], store_id=row["store_id"],
        client_id=row["client_id"], zone=program.settings.zone, now=now,
    )  # fmt: skip
    gifts = [rewards.given(gift) for gift in gifts] if rewards else gifts
    written.gifts.extend([row_of(gift) for gift in gifts])
    written.gift_events.extend([told for gift in gifts for told in events_of(gift, now=now)])
    row["outcome"]["gifts"] = [kept(gift, name=program.names[gift.rule]) for gift in gifts]
    book.touched = True
    return gifts
