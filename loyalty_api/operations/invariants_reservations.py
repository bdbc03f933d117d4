"""What must always be true of reservations: what stands holds what it says, and what has ended holds nothing.

Holds of budgets that are over may have gone before their reservation is noted as ended, for whoever is refused for them
takes them away. A minute lies between the machine that sold and the one that is asked here.
"""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

_STILL = "> now() + interval '1 minute'"
_SAID = (
    "SELECT reservation_id, b->>'key' AS key, coalesce(b->>'amount', b->>'times')::bigint AS amount, expires_at"
    " FROM reservations, jsonb_array_elements(budgets) b WHERE status = 'held'"
)

RESERVATIONS = (
    Invariant(
        "I6",
        "a reservation that stands holds of budgets what it says, and one that has ended nothing",
        "SELECT count(*) FROM limit_holds",
        "SELECT reservation_id::text, concat(key, ': ', h.amount, ' held, ', r.amount, ' said') FROM limit_holds h"
        f" FULL JOIN ({_SAID}) r USING (reservation_id, key) WHERE r.amount IS NULL OR h.amount <> r.amount"
        f" OR h.expires_at <> r.expires_at OR (h.amount IS NULL AND r.expires_at {_STILL})",
    ),
    Invariant(
        "I6",
        "a reservation that stands counts for its own member, and one that has ended for none",
        "SELECT count(*) FROM counter_holds",
        "SELECT h.reservation_id::text, concat(h.key, ': ', h.amount, ' held, and ', coalesce(r.status, 'not there'))"
        " FROM counter_holds h LEFT JOIN reservations r USING (reservation_id)"
        " WHERE r.status IS DISTINCT FROM 'held' OR r.member_id <> h.member_id OR r.expires_at <> h.expires_at",
    ),
    Invariant(
        "I6",
        "a reservation that stands holds the coupons that it names, and one that has ended none",
        "SELECT count(*) FROM coupon_holds",
        "SELECT reservation_id::text, concat(coalesce(h.n, 0), ' held, ', coalesce(r.n, 0), ' named') FROM"
        " (SELECT reservation_id, count(*) AS n FROM coupon_holds GROUP BY 1) h FULL JOIN (SELECT reservation_id,"
        " jsonb_array_length(coupons) AS n FROM reservations WHERE status = 'held') r USING (reservation_id)"
        " WHERE coalesce(h.n, 0) <> coalesce(r.n, 0)",
    ),
    Invariant(
        "I5",
        "a use of a coupon that is held is there to be used, and nobody else has used it",
        "SELECT count(*) FROM coupon_holds",
        "SELECT coalesce(c.coupon_id::text, 'a hold'), concat(c.uses, ' used and ', h.n, ' held of ', c.most_uses)"
        f" FROM (SELECT blind, count(*) AS n FROM coupon_holds WHERE expires_at {_STILL} GROUP BY 1) h"
        " LEFT JOIN coupon_codes c USING (blind) WHERE c.blind IS NULL OR c.uses + h.n > c.most_uses",
    ),
    Invariant(
        "I5",
        "points that a reservation holds are its member's and end with it, and one that was let go holds none",
        "SELECT count(*) FROM reservations WHERE redemption_id IS NOT NULL",
        "SELECT r.reservation_id::text, concat(r.status, ', its points ', coalesce(d.status, 'not there'))"
        " FROM reservations r LEFT JOIN redemptions d USING (member_id, redemption_id)"
        " WHERE r.redemption_id IS NOT NULL AND (d.status IS NULL"
        " OR (d.status = 'held' AND (r.status = 'released' OR d.expires_at > r.expires_at)))",
    ),
)
