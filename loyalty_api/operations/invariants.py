"""What must always be true, as SQL: each query brings the rows for which it is not.

Numbers and names are those of the checker's list. I5, I7 and I8 compare with what callers were told, so a
load generator checks those; I10 and I11 come with what they speak of.
"""

from __future__ import annotations

from loyalty_api.operations.invariant import CHANGES, Invariant
from loyalty_api.operations.invariants_corrections import CORRECTIONS
from loyalty_api.operations.invariants_coupons import COUPONS
from loyalty_api.operations.invariants_discounts import DISCOUNTS
from loyalty_api.operations.invariants_draws import DRAWS
from loyalty_api.operations.invariants_earned import EARNED
from loyalty_api.operations.invariants_facts import FACTS
from loyalty_api.operations.invariants_gifts import GIFTS
from loyalty_api.operations.invariants_giving import GIVING
from loyalty_api.operations.invariants_reservations import RESERVATIONS
from loyalty_api.operations.invariants_returns import RETURNS
from loyalty_api.operations.invariants_spending import SPENDING
from loyalty_api.operations.invariants_suggestions import SUGGESTIONS
from loyalty_api.operations.invariants_tiers import TIERS


def _on(*accounts: str) -> str:
    """The sum of the changes to these accounts."""
    names = ", ".join(f"'{account}'" for account in accounts)
    return f"coalesce(sum(change) FILTER (WHERE account IN ({names})), 0)"


_PROGRAM = ("issued", "redeemed", "expired", "adjusted", "transit")
_FOLDED = (
    f"SELECT member_id, {_on('available')} AS available, {_on('pending')} AS pending, {_on('held')} AS held,"
    f" -{_on('debt')} AS debt, -{_on('issued')} AS earned, {_on('redeemed')} AS spent,"
    f" {_on('expired')} AS expired, -{_on('adjusted')} AS adjusted FROM {CHANGES} c GROUP BY member_id"
)
_BALANCE = "available, pending, held, debt, earned, spent, expired, adjusted"
_PER_LOT = (
    f"SELECT member_id, lot_id, {_on('available')} AS available, {_on('pending')} AS pending,"
    f" {_on('held')} AS held FROM {CHANGES} c WHERE lot_id IS NOT NULL GROUP BY member_id, lot_id"
)
# What a lot was born with; returns take of it later, and voids of returns give back.
_BORN = (
    "SELECT p.member_id, p.lot_id, sum(p.points) AS issued FROM postings p JOIN journals j"
    " USING (member_id, journal_id) WHERE j.kind IN ('earn', 'correct') AND p.from_account = 'issued' GROUP BY 1, 2"
)
_PER_JOURNAL = (
    f"SELECT member_id, journal_id, {_on('available')} AS available, {_on('pending')} AS pending,"
    f" {_on('held')} AS held, -{_on('debt')} AS debt FROM {CHANGES} c GROUP BY member_id, journal_id"
)
_RUNNING = (
    "SELECT j.journal_id, j.available_after, j.pending_after, j.held_after, j.debt_after,"
    " sum(f.available) OVER so_far AS available, sum(f.pending) OVER so_far AS pending,"
    " sum(f.held) OVER so_far AS held, sum(f.debt) OVER so_far AS debt"
    f" FROM journals j JOIN ({_PER_JOURNAL}) f USING (member_id, journal_id)"
    " WINDOW so_far AS (PARTITION BY j.member_id ORDER BY j.version)"
)
# When time alone next changes something: held points do not die while held.
_NEXT_DUE = (
    "SELECT member_id, min(due) AS due FROM (SELECT member_id, least(min(available_at) FILTER (WHERE pending > 0),"
    " min(expires_at) FILTER (WHERE pending + available > 0)) AS due FROM lots GROUP BY member_id"
    " UNION ALL SELECT member_id, expires_at FROM holds) d GROUP BY member_id"
)
# Activations and expiries as journals have them and as they were told, by when they were due and booked.
_TOLD = (
    "SELECT member_id, kind, occurred_at, recorded_at, sum(told) AS told, sum(booked) AS booked FROM"
    " (SELECT member_id, CASE kind WHEN 'points_activated' THEN 'activate' ELSE 'expire' END AS kind, occurred_at,"
    " recorded_at, 1 AS told, 0 AS booked FROM events WHERE kind IN ('points_activated', 'points_expired')"
    " UNION ALL SELECT member_id, kind, occurred_at, recorded_at, 0, 1 FROM journals"
    " WHERE kind IN ('activate', 'expire')) AS both_sides GROUP BY 1, 2, 3, 4"
)
_ISSUED_FOR = (
    "SELECT member_id, purchase_id, sum(points) AS points FROM (SELECT j.member_id, j.cause_id AS purchase_id,"
    f" -sum(c.change) AS points FROM journals j JOIN {CHANGES} c USING (member_id, journal_id)"
    " WHERE j.kind = 'earn' AND j.cause_type = 'purchase' AND c.account = 'issued' GROUP BY 1, 2"
    " UNION ALL SELECT member_id, purchase_id, points_after - points_before FROM purchase_corrections) said"
    " GROUP BY 1, 2"
)
_LINES = (
    "SELECT member_id, purchase_id, count(*) AS lines, sum(paid) AS paid, sum(points) AS points"
    " FROM purchase_lines GROUP BY 1, 2"
)

LEDGER = (
    Invariant(
        "I1",
        "the ledger sums to zero",
        "SELECT count(*) FROM postings",
        f"SELECT 'ledger', 'off by ' || sum(change) FROM {CHANGES} c HAVING sum(change) <> 0",
    ),
    Invariant(
        "I1",
        "members hold what the program gave out",
        "SELECT count(*) FROM balances",
        "SELECT 'ledger', held || ' held, ' || given || ' given' FROM"
        " (SELECT coalesce(sum(available + pending + held - debt), 0) AS held FROM balances) b,"
        f" (SELECT -{_on(*_PROGRAM)} AS given FROM {CHANGES} c) p WHERE held <> given",
    ),
    Invariant(
        "I2",
        "every journal has postings and balances",
        "SELECT count(*) FROM journals",
        "SELECT j.journal_id::text, CASE WHEN c.n IS NULL THEN 'no postings' ELSE 'off by ' || c.off END"
        " FROM journals j LEFT JOIN (SELECT member_id, journal_id, count(*) AS n, sum(change) AS off"
        f" FROM {CHANGES} c GROUP BY 1, 2) c USING (member_id, journal_id)"
        " WHERE c.n IS NULL OR c.off <> 0",
    ),
    Invariant(
        "I3",
        "a balance is the fold of its postings",
        "SELECT count(*) FROM balances",
        "SELECT member_id::text, concat('kept ', b::text, ', folded ', f::text)"
        f" FROM (SELECT member_id, {_BALANCE} FROM balances) b"
        f" FULL JOIN ({_FOLDED}) f USING (member_id) WHERE (b.available, b.pending, b.held, b.debt, b.earned,"
        " b.spent, b.expired, b.adjusted) IS DISTINCT FROM (f.available, f.pending, f.held, f.debt, f.earned,"
        " f.spent, f.expired, f.adjusted)",
    ),
    Invariant(
        "I3",
        "a balance is what remains in its lots",
        "SELECT count(*) FROM lots",
        "SELECT member_id::text, concat('kept ', b::text, ', lots ', l::text)"
        " FROM (SELECT member_id, available, pending, held FROM balances) b FULL JOIN (SELECT member_id,"
        " sum(available) AS available, sum(pending) AS pending, sum(held) AS held FROM lots GROUP BY 1) l"
        " USING (member_id) WHERE (coalesce(b.available, 0), coalesce(b.pending, 0), coalesce(b.held, 0))"
        " <> (coalesce(l.available, 0), coalesce(l.pending, 0), coalesce(l.held, 0))",
    ),
    Invariant(
        "I3",
        "what remains in a lot is the fold of its postings",
        "SELECT count(*) FROM lots",
        "SELECT lot_id::text, 'differs from its postings' FROM lots l"
        f" FULL JOIN ({_PER_LOT}) f USING (member_id, lot_id) LEFT JOIN ({_BORN}) b USING (member_id, lot_id)"
        " WHERE (l.available, l.pending, l.held) IS DISTINCT FROM (f.available, f.pending, f.held)"
        " OR (l.source_type IN ('purchase', 'event', 'period') AND l.points IS DISTINCT FROM b.issued)",
    ),
    Invariant(
        "I3",
        "the balances after each journal are the running fold",
        "SELECT count(*) FROM journals",
        f"SELECT journal_id::text, 'differs from the fold' FROM ({_RUNNING}) r"
        " WHERE (available_after, pending_after, held_after, debt_after)"
        " IS DISTINCT FROM (available, pending, held, debt)",
    ),
    Invariant(
        "I3",
        "a member's version is not behind its journals, and only persons hold points",
        "SELECT count(DISTINCT member_id) FROM journals",
        "SELECT j.member_id::text, concat(m.kind, ' at ', m.version, ', journals to ', j.top)"
        " FROM (SELECT member_id, max(version) AS top FROM journals GROUP BY 1) j LEFT JOIN members m USING"
        " (member_id) WHERE m.version IS NULL OR m.version < j.top OR m.kind <> 'person'",
    ),
    Invariant(
        "I4",
        "no lot is below zero or holds more than it was born with",
        "SELECT count(*) FROM lots",
        "SELECT lot_id::text, 'impossible amounts' FROM lots"
        " WHERE least(pending, available, held) < 0 OR pending + available + held > points",
    ),
    Invariant(
        "I4",
        "what has expired is gone",
        "SELECT count(DISTINCT (member_id, lot_id)) FROM postings WHERE to_account = 'expired'",
        # What is given back to an expired lot lives on for a while: its expiry moved past the one that was booked.
        "SELECT lot_id::text, 'still holds points' FROM lots l WHERE pending + available > 0 AND EXISTS"
        " (SELECT FROM postings p JOIN journals j USING (member_id, journal_id) WHERE p.member_id = l.member_id"
        # What was given back after it had expired lives on until a later end.
        " AND p.lot_id = l.lot_id AND p.to_account = 'expired'"
        " AND (l.expires_at IS NULL OR j.occurred_at >= l.expires_at))",
    ),
    Invariant(
        "I4",
        "a balance knows when time next changes it",
        "SELECT count(*) FROM balances",
        "SELECT member_id::text, concat('kept ', b.next_due_at, ', lots and holds say ', d.due)"
        f" FROM balances b LEFT JOIN ({_NEXT_DUE}) d USING (member_id)"
        " WHERE b.next_due_at IS DISTINCT FROM d.due",
    ),
)

EFFECTS = (
    Invariant(
        "I6",
        "every receipt has its one purchase",
        "SELECT count(*) FROM receipts",
        "SELECT r.purchase_id::text, 'receipt without its purchase' FROM receipts r"
        " LEFT JOIN locators l ON l.id = r.purchase_id"
        " LEFT JOIN purchases p ON p.member_id = l.member_id AND p.purchase_id = l.id"
        " WHERE p.purchase_id IS NULL OR (p.store_id, p.terminal, p.business_date, p.reference)"
        " <> (r.store_id, r.terminal, r.business_date, r.reference)",
    ),
    Invariant(
        "I6",
        "every purchase has its receipt and lies where its locator says",
        "SELECT count(*) FROM purchases",
        "SELECT p.purchase_id::text, CASE WHEN r.purchase_id IS NULL THEN 'no receipt' ELSE 'elsewhere' END"
        " FROM purchases p LEFT JOIN locators l ON l.id = p.purchase_id"
        " LEFT JOIN receipts r ON (r.store_id, r.terminal, r.business_date, r.reference, r.purchase_id)"
        " = (p.store_id, p.terminal, p.business_date, p.reference, p.purchase_id)"
        # The walk-in copy of a claimed purchase stays behind, marked; the locator follows the member.
        " WHERE r.purchase_id IS NULL OR l.id IS NULL OR (p.status = 'moved') = (l.member_id = p.member_id)",
    ),
    Invariant(
        "I6",
        "a locator leads to something",
        "SELECT count(*) FROM locators",
        "SELECT l.id::text, 'nothing there' FROM locators l LEFT JOIN purchases p"
        " ON p.member_id = l.member_id AND p.purchase_id = l.id LEFT JOIN returns r"
        " ON r.member_id = l.member_id AND r.return_id = l.id"
        " WHERE p.purchase_id IS NULL AND r.return_id IS NULL",
    ),
    Invariant(
        "I6",
        "a purchase earned what the ledger says",
        "SELECT count(*) FROM purchases",
        "SELECT purchase_id::text, concat(points_base + points_bonus, ' said, ', i.points, ' booked')"
        " FROM (SELECT p.* FROM purchases p JOIN members m USING (member_id)"
        f" WHERE m.kind = 'person') p FULL JOIN ({_ISSUED_FOR}) i USING (member_id, purchase_id)"
        " WHERE coalesce(points_base + points_bonus, 0) <> coalesce(i.points, 0)",
    ),
    Invariant(
        "I6",
        "a purchase is the sum of its lines",
        "SELECT count(*) FROM purchase_lines",
        "SELECT purchase_id::text, 'differs from its lines' FROM purchases p"
        f" FULL JOIN ({_LINES}) l USING (member_id, purchase_id) WHERE (p.line_count, p.paid,"
        " p.points_base + p.points_bonus) IS DISTINCT FROM (coalesce(l.lines, 0), coalesce(l.paid, 0),"
        " coalesce(l.points, 0))",
    ),
    Invariant(
        "I6",
        "every key that was used has its answer",
        "SELECT count(*) FROM idempotency_keys",
        "SELECT client_id || ' ' || key, 'no answer' FROM idempotency_keys WHERE status IS NULL",
    ),
)

EVENTS = (
    Invariant(
        "I9",
        "no two events have one position",
        "SELECT count(*) FROM events WHERE position IS NOT NULL",
        "SELECT position::text, count(*) || ' events' FROM events WHERE position IS NOT NULL"
        " GROUP BY position HAVING count(*) > 1",
    ),
    Invariant(
        "I9",
        "a member's events keep their order",
        "SELECT count(*) FROM events",
        "SELECT event_id::text, 'out of order' FROM (SELECT event_id, position,"
        " lag(position) OVER before AS earlier, row_number() OVER before > 1 AS follows"
        " FROM events WINDOW before AS (PARTITION BY member_id ORDER BY event_id)) e"
        " WHERE position IS NOT NULL AND follows AND (earlier IS NULL OR earlier >= position)",
    ),
    Invariant(
        "I9",
        "no activation or expiry is told that was not booked, or twice",
        "SELECT count(*) FROM events WHERE kind IN ('points_activated', 'points_expired')",
        "SELECT member_id::text, concat(kind, ' at ', occurred_at, ': ', told, ' told, ', booked, ' booked')"
        f" FROM ({_TOLD}) t WHERE told > booked",
    ),
    Invariant(
        "I9",
        "what is noted as announced was told, once",
        "SELECT count(*) FROM announced_expiries",
        "SELECT member_id::text, concat(coalesce(a.n, 0), ' noted, ', coalesce(e.n, 0), ' told') FROM"
        " (SELECT member_id, count(*) AS n FROM announced_expiries GROUP BY 1) a FULL JOIN"
        " (SELECT member_id, count(*) AS n FROM events WHERE kind = 'points_expiring' GROUP BY 1) e"
        " USING (member_id) WHERE a.n IS DISTINCT FROM e.n",
    ),
)

INVARIANTS = (
    LEDGER
    + EFFECTS
    + CORRECTIONS
    + EARNED
    + DRAWS
    + FACTS
    + RETURNS
    + DISCOUNTS
    + RESERVATIONS
    + SPENDING
    + COUPONS
    + GIFTS
    + SUGGESTIONS
    + GIVING
    + TIERS
    + EVENTS
)
