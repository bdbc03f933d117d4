"""What must always be true of gifts: what a purchase brought it decided, points are booked once, and each was told."""

from __future__ import annotations

from loyalty_api.operations.invariant import CHANGES, Invariant

_BOOKED = (
    f"SELECT j.member_id, j.cause_id AS gift_id, -sum(c.change) AS points FROM journals j JOIN {CHANGES} c"
    " USING (member_id, journal_id) WHERE j.cause_type = 'gift' AND c.account = 'issued' GROUP BY 1, 2"
)
GIFTS = (
    Invariant(
        "I6",
        "a gift of points is booked once its member has it, and not before",
        "SELECT count(*) FROM gifts WHERE kind = 'points'",
        "SELECT gift_id::text, concat(g.points, ' given, ', b.points, ' booked') FROM (SELECT member_id, gift_id,"
        " (give->>'points')::bigint AS points FROM gifts WHERE kind = 'points' AND state = 'handed_over') g"
        f" FULL JOIN ({_BOOKED}) b USING (member_id, gift_id) WHERE g.points IS DISTINCT FROM b.points",
    ),
    Invariant(
        "I6",
        "a gift of a purchase is one that its decision gives",
        "SELECT count(*) FROM gifts WHERE purchase_id IS NOT NULL",
        "SELECT g.gift_id::text, 'no such gift in its purchase' FROM gifts g LEFT JOIN purchases p"
        " ON p.member_id = g.member_id AND p.purchase_id = g.purchase_id WHERE g.purchase_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM jsonb_array_elements(p.decision->'gifts') one WHERE one->>'rule' = g.rule)",
    ),
    Invariant(
        "I6",
        "a gift of a reward that its member has is one redemption of that reward, without points",
        "SELECT count(*) FROM gifts WHERE reward_id IS NOT NULL",
        "SELECT coalesce(g.gift_id, r.redemption_id)::text, concat('gift ', coalesce(g.state, 'missing'),"
        " ', redemption ', coalesce(r.status, 'missing')) FROM (SELECT * FROM gifts WHERE reward_id IS NOT NULL"
        " AND (redemption_id IS NOT NULL OR handed_over_at IS NOT NULL)) g"
        " FULL JOIN (SELECT * FROM redemptions WHERE points = 0) r USING (member_id, redemption_id)"
        " WHERE g.gift_id IS NULL OR r.reward_id IS DISTINCT FROM g.reward_id OR r.quantity <> 1"
        " OR g.state NOT IN ('handed_over', 'taken_back')",
    ),
    Invariant(
        "I5",
        "only a gift of a reward that waits keeps a piece of its stock",
        "SELECT count(*) FROM gifts WHERE takes_stock",
        "SELECT gift_id::text, state FROM gifts WHERE takes_stock"
        " AND (reward_id IS NULL OR redemption_id IS NOT NULL OR state NOT IN ('granted', 'shown', 'claimed'))",
    ),
    Invariant(
        "I9",
        "every gift that was granted was told, once",
        "SELECT count(*) FROM gifts",
        "SELECT member_id::text, concat(g.given, ' granted, ', e.told, ' told') FROM (SELECT member_id,"
        " count(*) AS given FROM gifts GROUP BY 1) g FULL JOIN (SELECT member_id, count(DISTINCT subject) AS told,"
        " count(*) AS events"
        " FROM events WHERE kind = 'gift_granted' GROUP BY 1) e USING (member_id)"
        " WHERE g.given IS DISTINCT FROM e.told OR e.told <> e.events",
    ),
)
