"""What must always be true of goods that came back."""

from __future__ import annotations

from loyalty_api.operations.invariant import CHANGES, Invariant

_APPLIED = (
    "SELECT l.purchase_id, l.line_id, sum(l.quantity) AS quantity, sum(l.value) AS value FROM return_lines l"
    " JOIN returns r USING (member_id, return_id) WHERE r.status = 'applied' AND l.purchase_id IS NOT NULL"
    " GROUP BY 1, 2"
)
_BOOKED_BACK = (
    "SELECT j.cause_id AS return_id, coalesce(sum(c.change) FILTER (WHERE account = 'issued'), 0) AS taken,"
    " -coalesce(sum(c.change) FILTER (WHERE account = 'redeemed'), 0) AS given FROM journals j"
    f" JOIN {CHANGES} c USING (member_id, journal_id)"
    " WHERE j.cause_type = 'return' GROUP BY 1"
)
RETURNS = (
    Invariant(
        "I6",
        "every return's receipt has its one return, and its locator leads there",
        "SELECT count(*) FROM return_receipts",
        "SELECT coalesce(r.return_id, k.return_id)::text, 'receipt and return do not belong together'"
        " FROM (SELECT * FROM returns WHERE reference IS NOT NULL) r FULL JOIN return_receipts k"
        " USING (store_id, terminal, business_date, reference, return_id)"
        " LEFT JOIN locators l ON l.id = r.return_id AND l.member_id = r.member_id"
        " WHERE r.member_id IS NULL OR k.content IS NULL OR l.id IS NULL",
    ),
    Invariant(
        "I6",
        "no more comes back than was bought",
        "SELECT count(*) FROM return_lines",
        "SELECT a.purchase_id::text, concat('line ', a.line_id, ': ', a.quantity, ' for ', a.value)"
        # The discount of a set is borne by all that took part in it, wherever the receipt shows it.
        f" FROM ({_APPLIED}) a LEFT JOIN (SELECT l.*, CASE WHEN jsonb_path_exists(p.decision,"
        " '$.discounts[*].took_part') THEN l.amount ELSE l.paid END AS worth FROM purchase_lines l JOIN purchases p"
        " USING (member_id, purchase_id) WHERE p.status <> 'moved') s USING (purchase_id, line_id)"
        " WHERE s.line_id IS NULL OR a.quantity > greatest(s.quantity, 1)"
        " OR (s.paid >= 0 AND a.value NOT BETWEEN 0 AND s.worth)",
    ),
    Invariant(
        "I6",
        "no purchase gives back more money than was paid for it",
        "SELECT count(*) FROM purchases WHERE outcome ? 'returned'",
        "SELECT s.purchase_id::text, concat(sum(a.value), ' of ', sum(s.paid)) FROM purchases p"
        " JOIN purchase_lines s USING (member_id, purchase_id)"
        f" JOIN ({_APPLIED}) a ON a.purchase_id = s.purchase_id AND a.line_id = s.line_id"
        " WHERE p.outcome ? 'returned' AND p.status <> 'moved' AND s.paid >= 0 GROUP BY p.member_id, s.purchase_id"
        " HAVING sum(a.value) > (SELECT sum(greatest(l.paid, 0)) FROM purchase_lines l"
        " WHERE l.member_id = p.member_id AND l.purchase_id = s.purchase_id)",
    ),
    Invariant(
        "I6",
        "no more points are taken back than a purchase earned",
        "SELECT count(*) FROM purchases WHERE outcome ? 'returned'",
        "SELECT purchase_id::text, concat(outcome->'returned'->>'points', ' of ', points_base + points_bonus)"
        " FROM purchases WHERE outcome ? 'returned' AND status <> 'moved'"
        " AND (outcome->'returned'->>'points')::bigint NOT BETWEEN 0 AND points_base + points_bonus",
    ),
    Invariant(
        "I6",
        "a return did what the ledger says",
        "SELECT count(*) FROM returns",
        "SELECT r.return_id::text, concat(points_taken_back, ' and ', points_given_back, ' said, ', b.taken,"
        f" ' and ', b.given, ' booked') FROM returns r LEFT JOIN ({_BOOKED_BACK}) b USING (return_id)"
        " WHERE (r.points_taken_back - coalesce((r.outcome->'points'->>'expired')::bigint, 0),"
        " r.points_given_back) <> (coalesce(b.taken, 0), coalesce(b.given, 0))",
    ),
    Invariant(
        "I6",
        "a return that waits has no purchase",
        "SELECT count(*) FROM returns WHERE status = 'waiting'",
        # A purchase that has just come is seen to in a moment.
        "SELECT r.return_id::text, 'waits without need' FROM (SELECT * FROM returns WHERE status = 'waiting') r"
        " FULL JOIN awaited_returns a USING (return_id) LEFT JOIN receipts k ON (k.store_id, k.terminal,"
        " k.business_date, k.reference) = (a.store_id, a.terminal, a.business_date, a.reference)"
        " LEFT JOIN locators l ON l.id = k.purchase_id LEFT JOIN purchases p ON p.member_id = l.member_id"
        " AND p.purchase_id = l.id WHERE r.status IS NULL OR r.purchase_id IS NOT NULL OR a.return_id IS NULL"
        " OR p.recorded_at < now() - interval '10 minutes'",
    ),
)
