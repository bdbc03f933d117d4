"""What must always be true of gifts that no purchase brings: one for an occasion, and a name beside each by hand."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

GIVING = (
    Invariant(
        "I6",
        "an occasion that brought a gift has that gift, and a gift of time or of a list has its occasion",
        "SELECT count(*) FROM gift_occasions",
        "SELECT coalesce(o.gift_id, g.gift_id)::text, concat(o.rule, ' ', o.occasion, ' for ', g.rule, ' ', g.once_key)"
        " FROM (SELECT * FROM gift_occasions WHERE state = 'given') o"
        " FULL JOIN (SELECT * FROM gifts WHERE cause_type IN ('time', 'list')) g"
        " ON g.member_id = o.member_id AND g.gift_id = o.gift_id"
        " WHERE (o.rule, o.occasion) IS DISTINCT FROM (g.rule, g.once_key)",
    ),
    Invariant(
        "I6",
        "a gift by hand says who gave it, and whoever is said to have given has",
        "SELECT count(*) FROM staff_gifts",
        "SELECT coalesce(s.gift_id, g.gift_id)::text, concat(s.rule, ' for ', g.rule) FROM staff_gifts s"
        " FULL JOIN (SELECT * FROM gifts WHERE cause_type = 'staff') g"
        " ON g.member_id = s.member_id AND g.gift_id = s.gift_id WHERE s.rule IS DISTINCT FROM g.rule",
    ),
    Invariant(
        "I6",
        "whoever has an identifier of the staff's is staff",
        "SELECT count(*) FROM identifiers WHERE kind = 'staff'",
        "SELECT m.member_id::text, 'is no staff' FROM members m JOIN identifiers i USING (member_id)"
        " WHERE i.kind = 'staff' AND i.status = 'active' AND NOT m.is_staff",
    ),
)
