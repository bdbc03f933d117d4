"""The real service and the model side by side: every step is done to both, and what they come to is compared."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids, jobs
from loyalty_api.adjustments import service as adjustments
from loyalty_api.adjustments.queries import Adjustment
from loyalty_api.errors import LoyaltyError
from loyalty_api.ledger import reading
from loyalty_api.members import service as members
from loyalty_api.purchases import service as purchases
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.schemas import PurchaseSchema
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions.rules import Caller
from loyalty_api.redemptions.service import Counter, Wish
from loyalty_api.returns import service as returns
from loyalty_api.returns import voiding
from loyalty_api.returns.schemas import ReturnSchema
from tests.model import goods, spending
from tests.model.goods import Return, Sale
from tests.model.ledger import NEVER, Hold, Ledger, Refused
from tests.model.terms import Terms
from tests.support.shop import Shop, line, receipt

Step = tuple[Any, ...]
"""What is done, as JSON could hold it: a name and numbers."""

BEGIN = datetime(2031, 1, 10, 9, 30, tzinfo=UTC)
WHO, CALLER = Who("cli_model", "terminal"), Caller("cli_model", "terminal", "str_1")
SOLD = PurchaseSchema().load(receipt(line(100, quantity=1), member_id="mbr_"))
RETURNED = ReturnSchema().load(
    {
        "store": "str_1", "terminal": "1", "business_date": "2031-01-10", "reference": "R",
        "occurred_at": BEGIN.isoformat(), "original": {"purchase_id": "pur_"},
    }
)  # fmt: skip
_BALANCES = (
    "SELECT member_id, available, pending, held, debt, earned, spent, expired, adjusted, next_due_at"
    " FROM balances WHERE member_id = ANY(%s)"
)
_LOTS = (
    "SELECT member_id, pending, available, held, expires_at FROM lots WHERE member_id = ANY(%s)"
    " AND pending + available + held > 0 ORDER BY lot_id"
)


class Difference(AssertionError):
    """The service and the model do not say the same."""


@dataclass(slots=True)
class World:
    """A shop with its programs, each from a moment on; ids are counted, so that a history repeats exactly."""

    shop: Shop
    programs: Sequence[tuple[datetime, Terms]]
    numbers: count[int] = field(default_factory=lambda: count(1))
    desk: Desk = field(init=False)
    counter: Counter = field(init=False)

    def __post_init__(self) -> None:
        for starts, terms in self.programs:
            self.shop.publish(terms.document(), effective_from=starts)
        self.desk = self.shop.app.extensions["desk"]
        self.counter = Counter(self.desk.vault, self.desk.programs)

    def new_id(self) -> UUID:
        """The next id, with room behind it for those that are counted up from it."""
        return UUID(int=next(self.numbers) << 64)

    def terms(self, at: datetime) -> Terms:
        """The program in force."""
        place = bisect_right([starts for starts, _ in self.programs], at)
        return self.programs[place - 1][1]

    def run_job(self, name: str, now: datetime) -> None:
        """What a worker does by the clock, for everybody."""
        jobs.JOBS[name].run(self.shop.database, now, jobs.FOR_EVER)

    def compare(self, twins: Sequence[Twin], now: datetime) -> None:
        """Hold what is stored, and what is shown where time has gone on since, against the model.

        :raises Difference: they are not the same.
        """
        with self.shop.database.snapshot() as connection:
            given = ([twin.member_id for twin in twins],)
            balances = {row[0]: row[1:] for row in connection.execute(_BALANCES, given, prepare=True)}
            lots: dict[UUID, list[tuple[Any, ...]]] = {twin.member_id: [] for twin in twins}
            for row in connection.execute(_LOTS, given, prepare=True):
                lots[row[0]].append(row[1:])
            for twin in twins:
                *balance, due = balances.get(twin.member_id, (*[0] * 8, None))
                found: Any = (balance, lots[twin.member_id])
                if due and due <= now:
                    found = _shown(connection, twin.member_id, now)
                twin.ensure(found, now)


def _shown(connection: psycopg.Connection[TupleRow], member_id: UUID, now: datetime) -> Any:
    account = reading.shown(connection, member_id, now).account
    b = account.balance
    lots = sorted(account.lots.values(), key=lambda lot: lot.lot_id)
    left = [lot for lot in lots if lot.pending + lot.available + lot.held]
    return (
        [b.available, b.pending, b.held, b.debt, b.earned, b.spent, b.expired, b.adjusted],
        [(lot.pending, lot.available, lot.held, lot.expires_at) for lot in left],
    )


@dataclass(slots=True)
class Twin:
    """A member, once in the service and once in the model; known to tills by a card, or by the id alone."""

    world: World
    began: datetime
    with_card: bool = False
    member_id: UUID = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    sales: list[tuple[UUID, Sale]] = field(default_factory=list)
    holds: list[tuple[UUID, Hold]] = field(default_factory=list)
    returns: list[tuple[UUID, Return]] = field(default_factory=list)
    history: list[tuple[float, Step]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.member_id = self.world.new_id()
        cards = [members.NewIdentifier("card", self.card)] if self.card else []
        enrolment = members.Enrolment(identifiers=cards, member_id=self.member_id, draw_token=bytes(16))
        vault, actor = self.world.desk.vault, members.Actor("terminal", "cli_model")
        with self.world.shop.database.unit_of_work() as session:
            members.enrol(session, vault=vault, enrolment=enrolment, actor=actor, now=self.began)

    @property
    def card(self) -> str | None:
        """What is scanned, if there is a card."""
        return f"CARD{self.member_id.int >> 64}" if self.with_card else None

    @property
    def shown(self) -> dict[str, Any]:
        """How a receipt names the member."""
        if self.card:
            return {"identifier": {"kind": "card", "value": self.card, "entry": "scanned"}, "member_id": None}
        return {"member_id": ids.show("mbr", self.member_id)}

    def receipt(
        self, number: str, at: datetime, *, points: int, units: int = 1, sku: str = "bread"
    ) -> dict[str, Any]:
        """A validated receipt of one line that gives so many points."""
        sold, amount = SOLD["lines"][0], points * 100
        return {
            **SOLD, **self.shown, "occurred_at": at, "business_date": at.date(), "reference": number, "total": amount,
            "lines": [{**sold, "sku": sku, "quantity": units, "amount": amount}],
            "payments": [{"kind": "cash", "amount": amount}],
        }  # fmt: skip

    def note(self, step: Step, now: datetime) -> None:
        """Remember what was done, and when."""
        self.history.append(((now - self.began).total_seconds(), step))

    def step(self, step: Step, now: datetime) -> None:
        """Do one thing to both.

        :raises Difference: one of them refuses it otherwise than the other.
        """
        self.note(step, now)
        self.ledger.advance(now)
        name, *numbers = step
        getattr(self, f"_{name}")(now, *numbers)
        self.ledger.advance(now)

    def ensure(self, found: Any, now: datetime) -> None:
        """Hold what the service has against the model.

        :raises Difference: it is not the same.
        """
        ledger = self.ledger
        ledger.advance(now)
        totals = [ledger.in_all(account) for account in ("available", "pending", "held")]
        totals += [ledger.debt, ledger.earned, ledger.spent, ledger.expired, ledger.adjusted]
        lots = [
            (lot.pending, lot.available, lot.held, lot.ends if lot.ends != NEVER else None)
            for lot in ledger.lots
            if lot.pending + lot.available + lot.held
        ]
        if found != (totals, lots):
            raise Difference(f"the service has {_words(*found)}; the model {_words(totals, lots)}")

    def _both(self, model: Callable[[], Any], real: Callable[[Session], Any]) -> bool:
        """Do it in both; whether it was done."""
        said = heard = None
        try:
            model()
        except Refused as refusal:
            said = str(refusal)
        try:
            with self.world.shop.database.unit_of_work() as session:
                real(session)
        except LoyaltyError as error:
            heard = error.code
        if said != heard:
            raise Difference(
                f"the service answers {heard or 'that it is done'}, the model {said or 'does it'}"
            )
        return said is None

    def _sell(self, now: datetime, points: int, units: int, hours_ago: int, fruit: bool) -> None:
        at = now - timedelta(hours=hours_ago)
        terms, purchase_id = self.world.terms(at), self.world.new_id()
        sale = Sale((points, points // 2 if fruit else 0), units)
        times = [life.times(at, exact=terms.exact) for life in (terms.base, terms.bonus)]
        sku = "apple" if fruit else "bread"
        body = self.receipt(purchase_id.hex, at, points=points, units=units, sku=sku)
        desk = self.world.desk
        report = purchases.reported(body, vault=desk.vault, purchase_id=purchase_id)
        self._both(
            lambda: goods.earn(self.ledger, sale, times, at=at, now=now),
            lambda session: purchases.purchase(session, desk, report=report, who=WHO, now=now),
        )
        self.sales.append((purchase_id, sale))

    def _bring_back(self, now: datetime, which: int, units: int) -> None:
        """``units`` of a sale come back, 0: all that are left."""
        purchase_id, sale = _recent(self.sales, which)
        desk, return_id = self.world.desk, self.world.new_id()
        lines = {"lines": [{"line_id": "1", "quantity": units}]} if units else {}
        body = {
            **RETURNED, "occurred_at": now, "business_date": now.date(), "reference": return_id.hex,
            "original": {"purchase_id": ids.show("pur", purchase_id)}, **lines,
        }  # fmt: skip
        report = returns.reported(body, vault=desk.vault, return_id=return_id)
        reach = self.world.terms(now).reach
        if self._both(
            lambda: goods.bring_back(self.ledger, sale, units or None, reach=reach),
            lambda session: returns.bring_back(session, desk, report=report, who=WHO, now=now),
        ):
            self.returns.append((return_id, sale.returns[-1]))

    def _void(self, now: datetime, which: int) -> None:
        purchase_id, sale = _recent(self.sales, which)
        desk, void_id = self.world.desk, self.world.new_id()
        original = {"purchase_id": ids.show("pur", purchase_id)}
        self._both(
            lambda: goods.void(self.ledger, sale),
            lambda session: voiding.void_purchase(
                session, desk, original=original, reason="x", void_id=void_id, who=WHO, now=now
            ),
        )

    def _undo(self, now: datetime, which: int) -> None:
        return_id, back = _recent(self.returns, which)
        desk, void_id = self.world.desk, self.world.new_id()
        grace = self.world.terms(now).grace(now)
        self._both(
            lambda: goods.undo(self.ledger, back, now=now, grace=grace),
            lambda session: voiding.void_return(
                session, desk, return_id=return_id, reason="x", void_id=void_id, who=WHO, now=now
            ),
        )

    def _adjust(self, now: datetime, points: int, may_owe: bool) -> None:
        terms, made = self.world.terms(now), self.world.new_id()
        ends = terms.base.times(now, exact=terms.exact)[1]
        client = f"cli_{self.member_id.int >> 64}"
        wanted = Adjustment(
            self.member_id, made, points, "goodwill", None, "admin", client, None, now
        )  # fmt: skip
        self._both(
            lambda: spending.adjust(self.ledger, points, may_owe=may_owe, now=now, ends=ends),
            lambda session: adjustments.adjust(
                session, self.world.desk.programs, vault=self.world.desk.vault, wanted=wanted, may_owe=may_owe,
                now=now,
            ),
        )  # fmt: skip

    def _hold(self, now: datetime, points: int, in_app: bool) -> None:
        terms, redemption_id = self.world.terms(now), self.world.new_id()
        lasts = timedelta(days=terms.app_days) if in_app else timedelta(hours=terms.till_hours)
        wish = Wish("points", points=points, store_id="str_1", in_app=in_app)
        if self._both(
            lambda: spending.hold(self.ledger, points, since=now, ends=now + lasts),
            lambda session: redemptions.hold(
                session, self.world.counter, member_id=self.member_id, redemption_id=redemption_id, wish=wish,
                caller=CALLER, now=now,
            ),
        ):  # fmt: skip
            self.holds.append((redemption_id, self.ledger.holds[-1]))

    def _capture(self, now: datetime, which: int, share: int, minutes_ago: int) -> None:
        """``share`` of a hold in percent is used, 0: whatever it is."""
        redemption_id, held = _recent(self.holds, which)
        points = max(1, held.points * share // 100) if share else None
        at, late_is_debt = now - timedelta(minutes=minutes_ago), self.world.terms(now).late_is_debt
        step_id = self.world.new_id()
        self._both(
            lambda: spending.capture(self.ledger, held, points, at=at, late_is_debt=late_is_debt),
            lambda session: redemptions.capture(
                session, self.world.counter, redemption_id=redemption_id, step_id=step_id, points=points,
                occurred_at=at, caller=CALLER, now=now,
            ),
        )  # fmt: skip

    def _release(self, now: datetime, which: int) -> None:
        redemption_id, held = _recent(self.holds, which)
        step_id = self.world.new_id()
        self._both(
            lambda: spending.release(self.ledger, held),
            lambda session: redemptions.release(
                session, self.world.counter, redemption_id=redemption_id, step_id=step_id, occurred_at=now,
                caller=CALLER, now=now,
            ),
        )  # fmt: skip

    def _reverse(self, now: datetime, which: int, points: int) -> None:
        """``points`` of what was used come back, 0: all that is left."""
        redemption_id, held = _recent(self.holds, which)
        terms, step_id = self.world.terms(now), self.world.new_id()
        ends = terms.base.times(now, exact=terms.exact)[1]
        self._both(
            lambda: spending.reverse(self.ledger, held, points or None, now=now, grace=terms.grace(now), ends=ends),
            lambda session: redemptions.reverse(
                session, self.world.counter, redemption_id=redemption_id, step_id=step_id, points=points or None,
                reason="x", caller=CALLER, now=now,
            ),
        )  # fmt: skip

    def needs(self, name: str) -> bool:
        """Whether there is something of the member's that a step of this name could be done to."""
        given = {"bring_back": self.sales, "void": self.sales, "undo": self.returns, "capture": self.holds,
                 "release": self.holds, "reverse": self.holds}  # fmt: skip
        return name not in given or bool(given[name])


def _words(totals: Sequence[int], lots: Sequence[tuple[int, int, int, datetime | None]]) -> str:
    names = ("available", "pending", "held", "debt", "earned", "spent", "expired", "adjusted")
    said = ", ".join(f"{name} {points}" for name, points in zip(names, totals, strict=True) if points)
    return f"{said}; lots " + ", ".join(f"{p}/{a}/{h} to {ends or 'ever'}" for p, a, h, ends in lots)


def _recent(things: Sequence[Any], which: int) -> Any:
    """One of the latest few: what is old has mostly had its day."""
    return things[-1 - which % min(len(things), 6)]
