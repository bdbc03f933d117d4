"""Points that a purchase spends without a hold, for programs that let a basket use what it earns itself."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.errors import LoyaltyError
from loyalty_api.ledger import rules_spending
from loyalty_api.ledger import service as ledger
from loyalty_api.ledger.rules import Movement
from loyalty_api.ledger.service import Book
from loyalty_api.program.rules import Settings
from loyalty_api.redemptions import booking, rules
from loyalty_api.redemptions.booking import Moment
from loyalty_api.redemptions.in_purchases import Captured
from loyalty_api.redemptions.rules import Redemption
from loyalty_api.redemptions.writing import note


def spend_in(
    connection: Connection[TupleRow],
    book: Book,
    *,
    redemption_id: UUID,
    amount: int,
    purchase_id: UUID,
    store_id: str,
    terminal: str,
    moment: Moment,
    policy: Settings,
) -> Captured | str:
    """Use the fewest points that are worth ``amount`` (minor units), held and captured in one.

    The member is locked and ``book`` settled, with what the purchase earned in it. A purchase is a fact, so trouble is
    answered as a code, and then nothing is booked.
    """
    ledger.complete(connection, book)
    try:
        rate = rules.rate_of(policy.sections["redeem"])
        points = rate.least_for(amount)
        postings = rules_spending.take(book.account, points, to="redeemed")
    except LoyaltyError as error:
        return error.code
    book.record(
        Movement("redeem", moment.occurred_at, postings),
        journal_id=moment.journal_id, cause=moment.cause, now=moment.now,
    )  # fmt: skip
    cause, now = moment.cause, moment.now
    spent = Redemption(
        book.member_id, redemption_id, "basket", "captured", points, rate.worth(points), policy.currency,
        {"points": rate.points, "amount": rate.amount}, None, 1, False, store_id, terminal, None, "store",
        cause.actor_id or "", cause.actor_kind, now,
        now + booking.lifetime(policy.sections["redeem"], at_till=True), rules_spending.taken_by(postings),
        captured_points=points, captured_amount=rate.worth(points), captured_at=moment.occurred_at,
        purchase_id=purchase_id, ended_at=now,
    )  # fmt: skip
    note(connection, [spent], [("points_redeemed", spent, moment.occurred_at)], now)
    return Captured(redemption_id, points, rate.worth(points))
