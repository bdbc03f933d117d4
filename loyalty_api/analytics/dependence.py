"""How much of what members buy depends on discounts: for one of them, and for the program.

Told from the purchases themselves: those of the last so many days that were neither undone nor brought back whole, with
what the program's promotions and coupons took off them. A till's own discounts do not count; they are not ours to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.members import service as members
from loyalty_api.wire import patience

REGULAR = 4
"""From so many purchases on a member is a regular, and is placed in a band."""
_BOUGHT = (
    "SELECT p.member_id, p.paid, (SELECT coalesce(sum((given ->> 'granted')::bigint), 0)"
    " FROM jsonb_array_elements(p.decision -> 'discounts') AS given) AS off FROM purchases p"
    " WHERE {whose} AND p.occurred_at > %(since)s AND p.status NOT IN ('voided', 'returned', 'moved')"
)
_SUMS = (
    "count(*) AS purchases, count(*) FILTER (WHERE off > 0) AS discounted, coalesce(sum(paid), 0)::bigint AS paid,"
    " coalesce(sum(paid) FILTER (WHERE off > 0), 0)::bigint AS paid_discounted,"
    " coalesce(sum(off), 0)::bigint AS discounts"
)
_OF_MEMBER = f"SELECT {_SUMS} FROM ({_BOUGHT.format(whose='p.member_id = %(member)s')}) bought"
# Walk-ins lie under the accounts of their stores, which are no members.
_OF_PROGRAM = (
    f"WITH each AS (SELECT member_id, {_SUMS} FROM ("
    f"{_BOUGHT.format(whose='p.member_id IN (SELECT member_id FROM members WHERE kind = $$person$$)')}) bought"
    " GROUP BY member_id), placed AS (SELECT *, CASE WHEN purchases < %(regular)s OR paid <= 0 THEN NULL"
    " WHEN paid_discounted <= 0 THEN 0 ELSE least(4, 1 + paid_discounted * 4 / paid) END AS band FROM each)"
    " SELECT count(*), coalesce(sum(purchases), 0)::bigint, coalesce(sum(discounted), 0)::bigint,"
    " coalesce(sum(paid), 0)::bigint, coalesce(sum(paid_discounted), 0)::bigint,"
    " coalesce(sum(discounts), 0)::bigint, count(*) FILTER (WHERE band = 0), count(*) FILTER (WHERE band = 1),"
    " count(*) FILTER (WHERE band = 2), count(*) FILTER (WHERE band = 3), count(*) FILTER (WHERE band = 4)"
    " FROM placed"
)
BANDS = ("none", "under_25", "under_50", "under_75", "from_75")
"""How much of what a regular paid was paid in purchases with a discount, percent."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Purchases and those of them with a discount of the program; money in minor units.

    ``paid_discounted`` is what was paid in purchases with a discount, ``discounts`` what was taken off them.
    """

    purchases: int
    discounted: int
    paid: int
    paid_discounted: int
    discounts: int

    @property
    def share(self) -> int | None:
        """How much of what was paid was paid in purchases with a discount, whole percent rounded down; None: nothing
        was paid."""
        return max(0, self.paid_discounted) * 100 // self.paid if self.paid > 0 else None


@dataclass(frozen=True, slots=True)
class Program:
    """The dependence of all members together, and how many regulars lie in each band."""

    members: int
    together: Dependence
    regulars: dict[str, int]


def of_member(session: Session, *, member_id: UUID, days: int, now: datetime) -> Dependence:
    """Of one member's purchases of the last ``days`` days.

    :raises NotFound: there is no such member.
    """
    members.ensure_known(session, member_id=member_id)
    given: dict[str, Any] = {"member": member_id, "since": now - timedelta(days=days)}
    row = driver(session).execute(_OF_MEMBER, given).fetchone() or (0,) * 5
    return Dependence(*row)


def of_program(session: Session, *, days: int, now: datetime) -> Program:
    """Of all members' purchases of the last ``days`` days, read one by one."""
    connection = driver(session)
    given = {"since": now - timedelta(days=days), "regular": REGULAR}
    # It reads every purchase of the time, so it may take as long as a request may.
    with patience(connection, 9.5):
        connection.execute("SET LOCAL statement_timeout = '9s'")
        row = connection.execute(_OF_PROGRAM, given).fetchone() or (0,) * 11
    return Program(row[0], Dependence(*row[1:6]), dict(zip(BANDS, row[6:], strict=True)))
