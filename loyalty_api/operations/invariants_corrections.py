"""What must always be true of purchases that were rated once more under corrected rules."""

from __future__ import annotations

from loyalty_api.operations.invariant import CHANGES, Invariant

_BOOKED = (
    "SELECT j.member_id, j.journal_id, j.cause_id AS purchase_id, -sum(c.change) AS points FROM journals j"
    f" JOIN {CHANGES} c USING (member_id, journal_id) WHERE j.kind = 'correct' AND c.account = 'issued'"
    " GROUP BY 1, 2, 3"
)
_LAST = (
    "SELECT DISTINCT ON (c.member_id, c.purchase_id) c.* FROM purchase_corrections c WHERE c.before IS NOT NULL"
    " ORDER BY c.member_id, c.purchase_id, c.recorded_at DESC, c.correction_id DESC"
)
CORRECTIONS = (
    Invariant(
        "I6",
        "a correction booked what the corrected decision gives beyond the one before",
        "SELECT count(*) FROM purchase_corrections",
        "SELECT coalesce(c.purchase_id, b.purchase_id)::text, concat(c.owed, ' owed, ', c.booked, ' said, ',"
        f" b.points, ' booked') FROM purchase_corrections c FULL JOIN ({_BOOKED}) b"
        " USING (member_id, journal_id) WHERE c.purchase_id IS DISTINCT FROM coalesce(b.purchase_id, c.purchase_id)"
        " OR coalesce(c.booked, 0) <> coalesce(b.points, 0) OR c.booked <> c.owed + c.lapsed + c.kept"
        " OR (c.before IS NULL AND c.points_after <> c.points_before)",
    ),
    Invariant(
        "I6",
        "without returns a correction owes the difference of what the two decisions give",
        "SELECT count(*) FROM purchase_corrections WHERE before IS NOT NULL",
        "SELECT purchase_id::text, concat(owed, ' for ', points_after - points_before) FROM purchase_corrections c"
        " JOIN purchases p USING (member_id, purchase_id) WHERE NOT p.outcome ? 'returned'"
        " AND owed <> points_after - points_before",
    ),
    Invariant(
        "I6",
        "a corrected purchase has the decision of its last correction",
        "SELECT count(DISTINCT purchase_id) FROM purchase_corrections WHERE before IS NOT NULL",
        "SELECT c.purchase_id::text, concat('version ', c.version_after, ' kept ', p.decision->>'version')"
        f" FROM ({_LAST}) c LEFT JOIN purchases p USING (member_id, purchase_id)"
        " WHERE (p.points_base + p.points_bonus, p.program_version, (p.decision->>'version')::integer)"
        " IS DISTINCT FROM (c.points_after, c.version_after, c.version_after)",
    ),
)
