"""What must always be true of discounts: they add up, line by line."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

_GIVEN = (
    "SELECT p.member_id, p.purchase_id, s->>0 AS line_id, sum((s->>1)::bigint) AS amount FROM purchases p,"
    " jsonb_array_elements(p.decision->'discounts') d, jsonb_array_elements(d->'shares') s"
    " WHERE p.status <> 'moved' GROUP BY 1, 2, 3"
)
_CHARGED = (
    "SELECT l.member_id, l.purchase_id, l.line_id, sum((d->>'amount')::bigint) AS amount FROM purchases p"
    " JOIN purchase_lines l USING (member_id, purchase_id), jsonb_array_elements(l.discounts) d"
    " WHERE p.status <> 'moved' AND p.decision ? 'discounts' AND d->>'source' = 'program'"
    " AND d->>'kind' IS DISTINCT FROM 'points' GROUP BY 1, 2, 3 HAVING sum((d->>'amount')::bigint) > 0"
)
DISCOUNTS = (
    Invariant(
        "I6",
        "the discounts of a purchase's decision are those that the till took off its lines",
        "SELECT count(*) FROM purchases WHERE decision ? 'discounts'",
        "SELECT purchase_id::text, concat('line ', line_id, ': ', g.amount, ' given, ', c.amount, ' charged')"
        f" FROM ({_GIVEN}) g FULL JOIN ({_CHARGED}) c USING (member_id, purchase_id, line_id)"
        " WHERE g.amount IS DISTINCT FROM c.amount",
    ),
    Invariant(
        "I6",
        "the shares of a discount sum to it",
        "SELECT count(*) FROM purchases WHERE decision ? 'discounts'",
        "SELECT purchase_id::text, concat(d->>'rule', ': ', d->>'granted') FROM purchases,"
        " jsonb_array_elements(decision->'discounts') d WHERE (d->>'granted')::bigint <> coalesce("
        " (SELECT sum((s->>1)::bigint) FROM jsonb_array_elements(d->'shares') s), 0)",
    ),
)
