"""What purchases tell gifts and gifts tell purchases: goods that may not be given, and what was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.gifts.service import Gift, events_of, kept, of_purchase, row_of, withheld
from loyalty_api.ledger.service import Book
from loyalty_api.products.service import Catalogue
from loyalty_api.purchases.rated import Rated, Row, Written
from loyalty_api.rating.rules_program import Program
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


def bring(written: Written, row: Row, rated: Rated, book: Book, *, now: datetime) -> Sequence[Gift]:
    """Note the gifts that a purchase brings: their rows and events, and what its answer says of them."""
    program, decision = rated.program, rated.decision
    if program is None or decision is None or not decision.gifts:
        return ()
    gifts = of_purchase(
        decision, program.gifts, member_id=book.member_id, purchase_id=row["purchase_id"], store_id=row["store_id"],
        client_id=row["client_id"], zone=program.settings.zone, now=now,
    )  # fmt: skip
    written.gifts.extend([row_of(gift) for gift in gifts])
    written.gift_events.extend([told for gift in gifts for told in events_of(gift, now=now)])
    row["outcome"]["gifts"] = [kept(gift, name=program.names[gift.rule]) for gift in gifts]
    book.touched = True
    return gifts
