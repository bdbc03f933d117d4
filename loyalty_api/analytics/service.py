"""Totals over everything that was recorded, read from the purchases and the ledger themselves."""

from __future__ import annotations

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.wire import patience

# A purchase that was claimed lies twice, once as a marked walk-in copy: that one is not counted.
_PURCHASES = (
    "SELECT count(*), count(DISTINCT store_id), coalesce(sum(line_count), 0)::bigint,"
    " coalesce(sum(paid), 0)::bigint, coalesce(sum(points_base), 0)::bigint,"
    " coalesce(sum(points_bonus), 0)::bigint FROM purchases WHERE status <> 'moved'"
)
_MEMBERS = "SELECT count(*) FROM members WHERE kind = 'person' AND status <> 'erased'"
_STORES = "SELECT count(*) FROM stores"
_ISSUED = (
    "SELECT (coalesce(sum(points) FILTER (WHERE from_account = 'issued'), 0)"
    " - coalesce(sum(points) FILTER (WHERE to_account = 'issued'), 0))::bigint FROM postings"
)
_RETURNS = (
    "SELECT count(*) FILTER (WHERE kind <> 'void'), count(*) FILTER (WHERE kind = 'void'),"
    " coalesce(sum(refundable), 0)::bigint, coalesce(sum(points_taken_back), 0)::bigint,"
    " coalesce(sum(points_given_back), 0)::bigint FROM returns WHERE status <> 'voided'"
)
# All that was used, whether or not it was given back later.
_REDEMPTIONS = (
    "SELECT count(*), coalesce(sum(captured_points), 0)::bigint FROM redemptions WHERE captured_points > 0"
)


def totals(session: Session) -> dict[str, int]:
    """Members, stores, purchases, returns, redemptions, money (minor units) and points, as of this transaction."""
    connection = driver(session)
    # It reads whole tables, so it may take as long as a request may.
    with patience(connection, 9.5):
        connection.execute("SET LOCAL statement_timeout = '9s'")
        purchases = connection.execute(_PURCHASES).fetchone() or (0,) * 6
        returns = connection.execute(_RETURNS).fetchone() or (0,) * 5
        redemptions = connection.execute(_REDEMPTIONS).fetchone() or (0, 0)
        members = connection.execute(_MEMBERS).fetchone() or (0,)
        stores = connection.execute(_STORES).fetchone() or (0,)
        issued = connection.execute(_ISSUED).fetchone() or (0,)
    return {
        "members": members[0],
        "stores": stores[0],
        "stores_selling": purchases[1],
        "purchases": purchases[0],
        "lines": purchases[2],
        "paid_minor": purchases[3],
        "points_base": purchases[4],
        "points_bonus": purchases[5],
        "points_issued": issued[0],
        "redemptions": redemptions[0],
        "points_redeemed": redemptions[1],
        "returns": returns[0],
        "voids": returns[1],
        "refundable_minor": returns[2],
        "points_taken_back": returns[3],
        "points_given_back": returns[4],
    }
