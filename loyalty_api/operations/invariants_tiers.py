"""What must always be true of levels and of what counts towards them."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

_AMOUNTS = (
    "(c->>'points')::bigint AS points, (c->>'spend')::bigint AS spend, (c->>'visits')::bigint AS visits"
)
_COUNTED = (
    f"SELECT member_id, (c->>'day')::date AS day, 1 AS sign, {_AMOUNTS} FROM purchases, LATERAL"
    " (SELECT outcome->'counted' AS c) counted WHERE outcome ? 'counted' AND status <> 'moved'"
    f" UNION ALL SELECT member_id, (c->>'day')::date, 1, {_AMOUNTS} FROM member_events, LATERAL"
    " (SELECT outcome->'counted' AS c) counted WHERE outcome ? 'counted'"
    f" UNION ALL SELECT member_id, (c->>'day')::date, -1, {_AMOUNTS} FROM returns, LATERAL"
    " jsonb_array_elements(outcome->'counted') c WHERE outcome ? 'counted' AND status = 'applied'"
)
_FOLDED = (
    "SELECT member_id, day, sum(sign * points) AS points, sum(sign * spend) AS spend, sum(sign * visits) AS visits"
    f" FROM ({_COUNTED}) each GROUP BY member_id, day"
)
TIERS = (
    Invariant(
        "I3",
        "what counts on a day is the fold of its purchases and of what came back of them",
        "SELECT count(*) FROM tier_progress",
        "SELECT member_id::text, concat(day, ': ', t.points, ' ', t.spend, ' ', t.visits, ' kept, ', f.points, ' ',"
        f" f.spend, ' ', f.visits, ' counted') FROM tier_progress t FULL JOIN ({_FOLDED}) f USING (member_id, day)"
        " WHERE (t.points, t.spend, t.visits) IS DISTINCT FROM (f.points, f.spend, f.visits)",
    ),
    Invariant(
        "I3",
        "the level that is held is the latest of its history",
        "SELECT count(*) FROM member_tiers",
        "SELECT coalesce(t.member_id, c.member_id)::text, concat(t.shown, ' held, ', c.level, ' noted')"
        " FROM member_tiers t FULL JOIN (SELECT DISTINCT ON (member_id) * FROM tier_changes"
        " ORDER BY member_id, change_no DESC) c USING (member_id) WHERE t.changes IS DISTINCT FROM"
        " coalesce(c.change_no, 0) OR (c.change_no IS NOT NULL AND t.shown IS DISTINCT FROM c.level)",
    ),
    Invariant(
        "I3",
        "each change of a level begins where the one before ended",
        "SELECT count(*) FROM tier_changes",
        "SELECT member_id::text, 'change ' || change_no FROM (SELECT *, row_number() OVER w AS n, lag(level) OVER w"
        " AS before, lag(occurred_at) OVER w AS earlier FROM tier_changes WINDOW w AS (PARTITION BY member_id"
        " ORDER BY change_no)) c WHERE change_no <> n OR recorded_at < occurred_at"
        " OR (n > 1 AND (previous IS DISTINCT FROM before OR occurred_at < earlier))",
    ),
    Invariant(
        "I6",
        "no more points of a purchase count than it earned",
        "SELECT count(*) FROM purchases WHERE outcome ? 'counted'",
        "SELECT purchase_id::text, outcome->'counted'->>'points' FROM purchases WHERE outcome ? 'counted'"
        # What came back before a correction counts with what it was taken for then.
        " AND NOT outcome ? 'corrected'"
        " AND (outcome->'counted'->>'points')::bigint NOT BETWEEN 0 AND points_base + points_bonus",
    ),
    Invariant(
        "I9",
        "each change of a level was told, once",
        "SELECT count(*) FROM events WHERE kind = 'tier_changed'",
        "SELECT coalesce(c.member_id, e.member_id)::text, concat(coalesce(c.n, 0), ' changes, ', coalesce(e.n, 0),"
        " ' told') FROM (SELECT member_id, count(*) AS n FROM tier_changes WHERE level IS DISTINCT FROM previous"
        " GROUP BY 1) c FULL JOIN (SELECT member_id, count(*) AS n FROM events WHERE kind = 'tier_changed' GROUP BY 1)"
        " e USING (member_id) WHERE c.n IS DISTINCT FROM e.n",
    ),
)
