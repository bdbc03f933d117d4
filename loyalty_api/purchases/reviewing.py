"""Receipts that came too late (R51): kept at once, rated when a person has looked at them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import Conflict
from loyalty_api.ledger.service import Cause, lock_book, write_book
from loyalty_api.purchases import queries, queries_late, returned
from loyalty_api.purchases.booking import basket_document, line_points, member_row, note_balance
from loyalty_api.purchases.counting import count_now
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.limiting import decide_later, give_back_returned
from loyalty_api.purchases.promising import Afterwards
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.rules_charged import charged
from loyalty_api.purchases.service import PurchaseUnknown
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.rulekit.stored_baskets import basket_from_json
from loyalty_api.tiers import service as tiers

# The ids that a review makes are counted up from the purchase's, past those that recording and claiming may have made.
_REVIEW = 1 << 26


class NothingToReview(Conflict):
    """The purchase was rated already, or it has no member to rate it for."""

    code, title = "nothing_to_review", "This purchase does not wait for a review"


def rate(
    session: Session, desk: Desk, *, purchase_id: UUID, who: Who, note: str | None, now: datetime
) -> Row:
    """Rate a late receipt at last: by the rules of its own time, with the member's facts of now.

    :raises PurchaseUnknown: there is no such purchase.
    :raises NothingToReview: it does not wait for a review.
    """
    connection = driver(session)
    held = queries.find(connection, purchase_id)
    if held is None:
        raise PurchaseUnknown
    if held["match"] not in ("identified", "claimed") or held["decision"] is not None:
        raise NothingToReview
    locked, book = lock_book(session, member_id=held["member_id"])
    row = queries.find(connection, purchase_id)
    program = desk.programs.numbered(connection, held["program_version"] or 0, at=held["occurred_at"])
    if row is None or row["decision"] is not None or program is None:
        raise NothingToReview
    member = member_row(locked)
    lines = queries.lines_of(connection, member.member_id, purchase_id)
    basket = basket_from_json(basket_document(row, lines))
    tier = tiers.open_now(connection, desk.programs, member_id=member.member_id, now=now)
    at, later = row["occurred_at"], Afterwards(row, member, program, basket, now)
    facts, decision, odd = decide_later(
        session, basket, program, at, member=member, tier=tier, purchase_id=purchase_id, vault=desk.vault, now=now,
        charge=lambda known, rated: charged(
            rated, basket, known, program, at=at, honoured=False, due=later.due
        ),
    )  # fmt: skip
    if decision is None:
        raise NothingToReview
    first_id = ids.nth(purchase_id, _REVIEW)
    book.settle(first_id=first_id, now=now)
    cause = Cause(
        "purchase", purchase_id, row["store_id"], row["reference"], row["person_id"], who.kind, who.client_id
    )
    returned.book_late(connection, book, row, decision, first_id=first_id, cause=cause, now=now)
    give_back_returned(session, row, decision)
    decision = later.give(connection, desk.vault, decision, facts)
    book.touched = True
    row |= {
        "facts": facts_to_json(facts),
        "decision": decision_to_json(decision),
        "points_base": decision.points(award="base"),
        "points_bonus": decision.points(award="bonus"),
    }
    row["outcome"]["discrepancies"] = [*row["outcome"]["discrepancies"], *odd]
    row["outcome"]["review"] = {"by": who.client_id, "at": now, "note": note}
    count_now(connection, row, tier, book, decision, basket, program=program, who=who, now=now)
    note_balance(row, book, program)
    write_book(connection, book)
    queries_late.rate_late(connection, row, line_points(decision))
    _tell(session, row, decision, now)
    if tier:
        tiers.write_book(connection, tier)
    return row


def _tell(session: Session, row: Row, decision: Decision, now: datetime) -> None:
    events.record(
        session, member_id=row["member_id"], kind="purchase_rated", subject=ids.show("pur", row["purchase_id"]),
        occurred_at=row["occurred_at"], now=now, body={"points": decision.points()},
    )  # fmt: skip
