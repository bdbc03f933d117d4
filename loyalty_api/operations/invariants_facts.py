"""What must always be true of what rules have counted, in the periods that are not forgotten."""

from __future__ import annotations

from loyalty_api.facts.service import forgotten
from loyalty_api.operations.invariant import Invariant

# What purchases, events and gifts claimed when they were rated, less what came back of it; and what gifts by hand
# took of the allowance of whoever gave them.
_CLAIMED = (
    "SELECT member_id, claim->>0 AS kind, claim->>1 AS key, sum(amount) AS amount FROM"
    " (SELECT member_id, claim, (claim->>2)::bigint AS amount FROM purchases,"
    " jsonb_array_elements(coalesce(decision->'claims', '[]') || coalesce(decision->'taken', '[]')) AS claim"
    " WHERE status <> 'moved'"
    " UNION ALL SELECT member_id, claim, (claim->>2)::bigint FROM member_events,"
    " jsonb_array_elements(decision->'claims') AS claim"
    " UNION ALL SELECT member_id, claim, (claim->>2)::bigint FROM staff_gifts,"
    " jsonb_array_elements(claims) AS claim"
    " UNION ALL SELECT member_id, claim, -(claim->>2)::bigint FROM purchases,"
    " jsonb_array_elements(outcome->'returned'->'counted') AS claim WHERE status <> 'moved'"
    # Gifts that no purchase brought; and what nobody took is there again.
    " UNION ALL SELECT member_id, claim, (claim->>2)::bigint FROM gifts, jsonb_array_elements(claims)"
    " AS claim WHERE purchase_id IS NULL"
    " UNION ALL SELECT member_id, claim, -(claim->>2)::bigint FROM gifts, jsonb_array_elements(claims)"
    " AS claim WHERE state = 'expired' AND claim->>0 = 'limit') AS said"
    " GROUP BY 1, 2, 3"
)
FACTS = (
    Invariant(
        "I6",
        "a counter is what the member's purchases claimed",
        "SELECT count(*) FROM member_counters",
        "SELECT coalesce(c.member_id, f.member_id)::text, concat(key, ': ', c.value, ' for ', f.amount)"
        f" FROM member_counters c FULL JOIN (SELECT * FROM ({_CLAIMED}) s WHERE kind = 'counter') f"
        " USING (member_id, key) WHERE coalesce(c.value, 0) <> coalesce(f.amount, 0)"
        f" AND NOT {forgotten('counters', 'key')}",
    ),
    Invariant(
        "I6",
        "what is taken of a limit is what purchases claimed and reservations hold, and not more than there is",
        "SELECT count(*) FROM rule_limits",
        "SELECT key, concat(l.taken, ' for ', f.amount, ' of ', l.most) FROM rule_limits l FULL JOIN"
        f" (SELECT key, sum(amount) AS amount FROM (SELECT key, amount FROM ({_CLAIMED}) s WHERE kind = 'limit'"
        " UNION ALL SELECT key, amount FROM limit_holds) t GROUP BY key) f USING (key)"
        " WHERE (coalesce(l.taken, 0) <> coalesce(f.amount, 0) OR l.taken > l.most)"
        f" AND NOT {forgotten('limits', 'key')}",
    ),
)
