"""What must always be true of points that are used: holds, redemptions, rewards and their codes."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

# What each redemption did to each account by the ledger; time's part of it names no redemption.
_BOOKED = (
    "SELECT j.member_id, j.cause_id AS redemption_id,"
    " coalesce(sum(p.points) FILTER (WHERE j.kind = 'redeem' AND p.to_account = 'redeemed'), 0) AS captured,"
    " coalesce(sum(p.points) FILTER (WHERE j.kind = 'redeem' AND p.from_account = 'debt'), 0) AS owed,"
    " coalesce(sum(p.points) FILTER (WHERE j.kind = 'reverse' AND p.from_account = 'redeemed'), 0) AS reversed"
    " FROM journals j JOIN postings p USING (member_id, journal_id) WHERE j.cause_type = 'redemption' GROUP BY 1, 2"
)

SPENDING = (
    Invariant(
        "I3",
        "what is held is the sum of the open holds, lot by lot",
        "SELECT count(*) FROM holds",
        "SELECT coalesce(l.lot_id, h.lot_id)::text, concat(coalesce(l.held, 0), ' held, ', coalesce(h.points, 0),"
        " ' by holds') FROM (SELECT member_id, lot_id, held FROM lots WHERE held > 0) l"
        " FULL JOIN (SELECT member_id, lot_id, sum(points) AS points FROM holds GROUP BY 1, 2) h"
        " USING (member_id, lot_id) WHERE coalesce(l.held, 0) <> coalesce(h.points, 0)",
    ),
    Invariant(
        "I3",
        "every open hold is a redemption's that is held, with its end and its points",
        "SELECT count(DISTINCT (member_id, hold_id)) FROM holds",
        "SELECT h.hold_id::text, 'differs from its redemption' FROM (SELECT member_id, hold_id,"
        " min(expires_at) AS expires_at, sum(points) AS points FROM holds GROUP BY 1, 2) h"
        " LEFT JOIN redemptions r ON r.member_id = h.member_id AND r.redemption_id = h.hold_id"
        " WHERE r.status IS DISTINCT FROM 'held' OR r.expires_at <> h.expires_at OR r.points <> h.points",
    ),
    Invariant(
        "I5",
        "what was used and given back is what the ledger says",
        "SELECT count(*) FROM redemptions",
        "SELECT r.redemption_id::text, concat('kept ', captured_points, ' and ', reversed_points, ', booked ',"
        f" b.captured, ' and ', b.reversed) FROM redemptions r LEFT JOIN ({_BOOKED}) b USING (member_id, redemption_id)"
        # What is captured in a purchase or given back by a return is booked in their journals.
        " WHERE r.purchase_id IS NULL AND (captured_points <> coalesce(b.captured, 0)"
        " OR captured_debt <> coalesce(b.owed, 0) OR reversed_points <> coalesce(b.reversed, 0))",
    ),
    Invariant(
        "I5",
        "what a member has spent is what its redemptions used and kept",
        "SELECT count(*) FROM balances WHERE spent <> 0",
        "SELECT member_id::text, concat(b.spent, ' spent, ', coalesce(r.kept, 0), ' by redemptions') FROM balances b"
        " LEFT JOIN (SELECT member_id, sum(captured_points - reversed_points) AS kept FROM redemptions GROUP BY 1) r"
        " USING (member_id) WHERE b.spent <> coalesce(r.kept, 0)",
    ),
    Invariant(
        "I5",
        "a redemption's state follows its points",
        "SELECT count(*) FROM redemptions",
        "SELECT redemption_id::text, status FROM redemptions WHERE points > 0 AND CASE status"
        " WHEN 'captured' THEN captured_points = 0 OR reversed_points > 0"
        " WHEN 'partly_reversed' THEN reversed_points = 0 OR reversed_points >= captured_points"
        " WHEN 'reversed' THEN captured_points = 0 OR reversed_points <> captured_points"
        " ELSE captured_points > 0 END",
    ),
    Invariant(
        "I5",
        "what was taken from a reward's stock is what its redemptions have, and what gifts keep",
        "SELECT count(*) FROM rewards",
        "SELECT w.reward_id::text, concat(stock_taken, ' taken, ', coalesce(r.pieces, 0), ' redeemed or kept')"
        " FROM rewards w LEFT JOIN (SELECT reward_id, sum(pieces) AS pieces FROM (SELECT reward_id, quantity AS pieces"
        " FROM redemptions WHERE takes_stock UNION ALL SELECT reward_id, 1 FROM gifts WHERE takes_stock) one"
        " GROUP BY 1) r USING (reward_id) WHERE stock_taken <> coalesce(r.pieces, 0)",
    ),
    Invariant(
        "I5",
        "only what is held or used keeps a piece of the stock",
        "SELECT count(*) FROM redemptions WHERE takes_stock",
        "SELECT redemption_id::text, status FROM redemptions WHERE takes_stock AND status NOT IN ('held', 'captured')",
    ),
    Invariant(
        "I6",
        "a used code stands for points that were used",
        "SELECT count(*) FROM reward_codes",
        "SELECT c.redemption_id::text, concat('code ', c.state, ', redemption ', r.status) FROM reward_codes c"
        " LEFT JOIN redemptions r USING (member_id, redemption_id) WHERE r.redemption_id IS NULL"
        " OR (c.state = 'used' AND (c.used_at IS NULL OR r.status NOT IN ('captured', 'reversed')))",
    ),
    Invariant(
        "I6",
        "an order belongs to a reward that was used, and a cancelled one was given back",
        "SELECT count(*) FROM reward_orders",
        "SELECT o.redemption_id::text, concat('order ', o.state, ', redemption ', r.status) FROM reward_orders o"
        " LEFT JOIN redemptions r USING (member_id, redemption_id) WHERE r.redemption_id IS NULL"
        " OR (o.state = 'cancelled' AND r.status <> 'reversed')"
        " OR (o.state IN ('issued', 'ready') AND r.status <> 'captured')",
    ),
    Invariant(
        "I6",
        "every correction is booked as it was asked for",
        "SELECT count(*) FROM adjustments",
        "SELECT adjustment_id::text, concat(a.points, ' asked, ', coalesce(j.points, 0), ' booked') FROM adjustments a"
        " FULL JOIN (SELECT j.member_id, j.cause_id AS adjustment_id, sum(CASE WHEN p.from_account = 'adjusted'"
        " THEN p.points ELSE -p.points END) AS points FROM journals j JOIN postings p USING (member_id, journal_id)"
        " WHERE j.cause_type = 'adjustment' AND 'adjusted' IN (p.from_account, p.to_account) GROUP BY 1, 2) j"
        " USING (member_id, adjustment_id) WHERE a.points IS DISTINCT FROM j.points",
    ),
)
