"""What must always be true of points that were earned beside buying."""

from __future__ import annotations

from loyalty_api.operations.invariant import CHANGES, Invariant

_BOOKED = (
    f"SELECT j.member_id, j.cause_id AS event_id, -sum(c.change) AS points FROM journals j JOIN {CHANGES} c"
    " USING (member_id, journal_id) WHERE j.kind = 'earn' AND j.cause_type = 'event' AND c.account = 'issued'"
    " GROUP BY 1, 2"
)
_GRANTED = (
    "(SELECT coalesce(sum((effect->>'granted')::bigint), 0)"
    " FROM jsonb_array_elements(decision->'effects') effect)"
)
EARNED = (
    Invariant(
        "I6",
        "an event earned what its decision and the ledger say",
        "SELECT count(*) FROM member_events",
        f"SELECT event_id::text, concat(e.points, ' said, ', {_GRANTED}, ' decided, ', b.points, ' booked')"
        f" FROM member_events e FULL JOIN ({_BOOKED}) b USING (member_id, event_id)"
        f" WHERE (coalesce(e.points, 0), {_GRANTED}) IS DISTINCT FROM (coalesce(b.points, 0), coalesce(b.points, 0))",
    ),
    Invariant(
        "I6",
        "every event that came under a reference has it alone",
        "SELECT count(*) FROM event_references",
        "SELECT coalesce(e.event_id, r.event_id)::text, concat(e.reference, ' said, ', r.reference, ' taken')"
        " FROM (SELECT * FROM member_events WHERE reference IS NOT NULL) e FULL JOIN event_references r"
        " USING (member_id, event_id) WHERE (e.client_id, e.reference) IS DISTINCT FROM (r.client_id, r.reference)",
    ),
    Invariant(
        "I6",
        "a settlement of a period is booked as it says",
        "SELECT count(*) FROM period_bonuses",
        "SELECT settlement_id::text, concat(s.points, ' said, ', b.points, ' booked') FROM (SELECT member_id,"
        " settlement_id, points FROM period_bonuses WHERE points <> 0) s FULL JOIN (SELECT j.member_id,"
        f" j.cause_id AS settlement_id, -sum(c.change) AS points FROM journals j JOIN {CHANGES} c"
        " USING (member_id, journal_id) WHERE j.cause_type = 'period' AND c.account = 'issued' GROUP BY 1, 2) b"
        " USING (member_id, settlement_id) WHERE s.points IS DISTINCT FROM b.points",
    ),
    Invariant(
        "I6",
        "settlements of a period follow each other, and take back no more than they gave",
        "SELECT count(*) FROM period_bonuses",
        "SELECT member_id::text, concat(period, ': ', max(n), ' of ', count(*), ', ', sum(due), ' due')"
        " FROM period_bonuses GROUP BY member_id, period HAVING max(n) <> count(*) OR sum(due) < 0"
        " OR sum(points) < sum(due)",
    ),
)
