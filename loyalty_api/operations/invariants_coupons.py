"""What must always be true of coupons: what was made, and how often each was used."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

_RECORDED = (
    "SELECT blind, count(*) FILTER (WHERE given_back_at IS NULL) AS uses,"
    " count(*) FILTER (WHERE given_back_at IS NOT NULL) AS given_back FROM coupon_uses GROUP BY 1"
)

COUPONS = (
    Invariant(
        "I5",
        "a coupon was used as often as its uses say, and never more often than it may be",
        "SELECT count(*) FROM coupon_codes",
        "SELECT coalesce(c.coupon_id::text, 'a use'), concat(c.uses, ' of ', c.most_uses, ' counted, ',"
        f" coalesce(u.uses, 0), ' recorded') FROM coupon_codes c FULL JOIN ({_RECORDED}) u USING (blind)"
        " WHERE c.uses IS DISTINCT FROM coalesce(u.uses, 0) OR c.given_back IS DISTINCT FROM coalesce(u.given_back, 0)"
        " OR c.uses > c.most_uses",
    ),
    Invariant(
        "I6",
        "a coupon was used with a purchase, where that purchase was made",
        "SELECT count(*) FROM coupon_uses",
        "SELECT u.coupon_id::text, 'used with no such purchase' FROM coupon_uses u LEFT JOIN purchases p"
        " ON p.member_id = u.member_id AND p.purchase_id = u.purchase_id"
        " WHERE p.purchase_id IS NULL OR p.status = 'moved' OR (p.store_id, p.terminal, p.reference)"
        " <> (u.store_id, u.terminal, u.reference)",
    ),
    Invariant(
        "I6",
        "a batch has as many coupons as it says have been made, and personal ones are their members'",
        "SELECT count(*) FROM coupon_batches",
        "SELECT b.batch_id::text, concat(b.made, ' said, ', coalesce(c.n, 0), ' there, ', coalesce(m.n, 0),"
        " ' of members') FROM coupon_batches b LEFT JOIN (SELECT batch_id, count(*) AS n FROM coupon_codes"
        " GROUP BY 1) c USING (batch_id) LEFT JOIN (SELECT k.batch_id, count(*) AS n FROM member_coupons k JOIN"
        " coupon_codes o ON o.blind = k.blind AND o.member_id = k.member_id AND o.coupon_id = k.coupon_id GROUP BY 1) m"
        " USING (batch_id)"
        " WHERE (b.giver IS NULL AND b.made <> coalesce(c.n, 0))"
        " OR coalesce(m.n, 0) <> CASE b.kind WHEN 'personal' THEN coalesce(c.n, 0) ELSE 0 END",
    ),
    Invariant(
        "I6",
        "a coupon that was given by itself is one of its giver's, and is there",
        "SELECT count(*) FROM given_coupons",
        "SELECT coalesce(g.coupon_id, c.coupon_id)::text, 'given, and not there' FROM given_coupons g FULL JOIN"
        " (SELECT k.blind, k.coupon_id, k.batch_id FROM coupon_codes k JOIN coupon_batches b USING (batch_id)"
        " WHERE b.giver IS NOT NULL) c USING (blind) WHERE c.coupon_id IS DISTINCT FROM g.coupon_id"
        " OR c.batch_id IS DISTINCT FROM g.batch_id",
    ),
    Invariant(
        "I6",
        "a code that was brought leads to a coupon, and each such coupon has its code",
        "SELECT count(*) FROM brought_codes",
        "SELECT coalesce(c.coupon_id::text, 'a code'), 'without the other' FROM brought_codes g FULL JOIN"
        " (SELECT k.blind, k.coupon_id FROM coupon_codes k JOIN coupon_batches b USING (batch_id) WHERE b.brought) c"
        " ON c.blind = g.coupon_blind WHERE c.blind IS NULL OR g.blind IS NULL",
    ),
)
