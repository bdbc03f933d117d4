"""Where transactions meet: tills that each know the program by themselves, and what they do to a member."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids, jobs
from loyalty_api.db import Database, driver
from loyalty_api.errors import LoyaltyError, Unavailable
from loyalty_api.purchases import service as purchases
from loyalty_api.purchases.desk import Desk
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions import using
from loyalty_api.redemptions.service import Counter, Wish
from loyalty_api.redemptions.using import Place
from loyalty_api.returns import service as returns
from loyalty_api.returns import voiding
from loyalty_api.rewards import service as rewards
from loyalty_api.rewards.api import RewardBody
from tests.model.driving import shop_in
from tests.model.stepping import stand_back
from tests.model.terms import Life, Terms
from tests.model.twins import BEGIN, CALLER, RETURNED, WHO, Twin, World
from tests.promotions.till import off
from tests.support.shop import Caller as Client
from tests.support.shop import Shop, line, receipt
from tests.support.tokens import bearer, token_for

Work = Callable[[], str]
# Over HTTP it is today, whatever the day in the scenes.
MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StreetTerms(Terms):
    """The model's program, and things of which there is one a day, or one a code."""

    def document(self) -> dict[str, Any]:
        """As for the model, with what ends."""
        return {**Terms.document(self), "promotions": PROMOTIONS, "gifts": {"rules": GIFTS}}


def _cake(rule: str, **more: Any) -> dict[str, Any]:
    bought = {"lines": {"where": {"sku": [rule]}}}
    return {"id": rule, "trigger": {"purchase": {}}, "when": bought, **more}


# Each is for the product that has its name.
PROMOTIONS = [
    off("few", budget={"times": 1, "per": "day"}),
    off("mine", limits=[{"per": "program", "times": 1}]),
    off("code", when={"coupon": ["LAST"]}),
]
GIFTS = [
    _cake("cake", give={"product": {"text": "Cake"}}, cost=100, budget={"money": 100, "period": "day"}),
    _cake("cheque", give={"points": 70}, cost=70),
]
TERMS = StreetTerms(base=Life(days=30), bonus=Life(days=30), till_hours=1)
_WHOSE = "WHERE member_id = ANY(%s)"
_STATE = (
    (
        "balance",
        f"SELECT available, pending, held, debt, earned, spent, expired, adjusted FROM balances {_WHOSE}",
    ),
    ("lots", f"SELECT pending, available, held, points FROM lots {_WHOSE}"),
    (
        "redemptions",
        f"SELECT status, captured_points, captured_debt, reversed_points, takes_stock FROM redemptions {_WHOSE}",
    ),
    ("purchases", f"SELECT status, points_base, outcome->'returned'->>'points' FROM purchases {_WHOSE}"),
    ("returns", f"SELECT kind, status, points_taken_back FROM returns {_WHOSE}"),
    ("codes", f"SELECT state FROM reward_codes {_WHOSE}"),
    ("coupons", f"SELECT given_back_at FROM coupon_uses {_WHOSE}"),
    ("gifts", f"SELECT state, rule FROM gifts {_WHOSE}"),
    ("reservations", f"SELECT status FROM reservations {_WHOSE}"),
    ("journals", f"SELECT kind, count(*) FROM journals {_WHOSE} AND cause_type <> 'time' GROUP BY 1"),
    (
        "events",
        f"SELECT kind, count(*) FROM events {_WHOSE} AND kind NOT LIKE '%%_expired' GROUP BY 1",
    ),
)


@dataclass(slots=True)
class Till:
    """One process: its own idea of the program, the stores and the products."""

    shop: Shop
    desk: Desk = field(init=False)
    counter: Counter = field(init=False)
    _token: tuple[str, float] = ("", 0.0)

    def __post_init__(self) -> None:
        self.desk = self.shop.app.extensions["desk"]
        self.counter = Counter(self.desk.vault, self.desk.programs)

    def learn(self) -> None:
        """Read the program once and for all: when it is read again is a matter of time."""
        self.desk.programs._read_at = float("-inf")
        with self.shop.database.unit_of_work() as session:
            self.desk.programs.refresh(driver(session))
        self.desk.programs._read_at = float("inf")

    def token(self) -> str:
        """A token that holds for a while yet."""
        if time.monotonic() > self._token[1]:
            self._token = (token_for(self.shop.app), time.monotonic() + 300)
        return self._token[0]

    def try_to(self, do: Callable[[Session], str]) -> str:
        """Do it as a till does, again until the answer is definite; what the answer is."""
        for _ in range(50):
            try:
                with self.shop.database.unit_of_work() as session:
                    return do(session)
            except Unavailable:
                stand_back()
            except LoyaltyError as refusal:
                return refusal.code
        raise AssertionError("never an answer")


@dataclass(slots=True)
class Street:
    """Three tills of one shop, and members with points."""

    database: Database
    world: World = field(init=False)
    tills: list[Till] = field(init=False)

    def __post_init__(self) -> None:
        shop = shop_in(self.database)
        self.world = World(shop, [(BEGIN - timedelta(days=400), TERMS)])
        self.tills = [Till(shop), Till(shop_in(self.database)), Till(shop_in(self.database))]
        for till in self.tills:
            till.learn()
            self.buying(till, Twin(self.world, BEGIN))()

    def member(self, points: int = 0, units: int = 1, *, with_card: bool = False) -> Twin:
        """A new member with so many points from one purchase."""
        twin = Twin(self.world, BEGIN, with_card)
        if points:
            twin.step(("sell", points, units, 0, False), BEGIN)
        return twin

    def reward(self, stock: int | None) -> UUID:
        """A new reward for 50 points."""
        offer = RewardBody().load(
            {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 50}, "stock": stock}
        )
        reward_id, stock = self.world.new_id(), offer.pop("stock")
        with self.database.unit_of_work() as session:
            rewards.add(session, reward_id=reward_id, document=offer, stock=stock, by="cli_model", now=BEGIN)
        return reward_id

    def buying(self, till: Till, twin: Twin, *, number: str = "", now: datetime = BEGIN) -> Work:
        """A purchase for 100 points; the same ``number`` is the same receipt."""
        purchase_id = self.world.new_id()
        body = twin.receipt(number or purchase_id.hex, now, points=100)
        report = purchases.reported(body, vault=till.desk.vault, purchase_id=purchase_id)

        def do(session: Session) -> str:
            outcome = purchases.purchase(session, till.desk, report=report, who=WHO, now=now)
            return "again" if outcome.replayed else "recorded"

        return lambda: till.try_to(do)

    def posting(self, till: Till, twin: Twin, *, key: str, heard: list[bytes]) -> Work:
        """A purchase over HTTP under this key, its receipt numbered alike; what is answered is ``heard``."""
        body = receipt(
            line(10_000), store="str_1", reference=key, member_id=ids.show("mbr", twin.member_id), at=MORNING
        )

        def post() -> str:
            answer = Client(till.shop.app, bearer(till.token())).post("/v1/purchases", body, key=key)
            heard.append(answer.raw)
            return f"{answer.status} {'again' if answer.headers.get('Idempotent-Replayed') else ''}"

        return post

    def bringing(self, till: Till, twin: Twin, units: int, *, number: str = "") -> Work:
        """``units`` of the member's purchase come back."""
        return_id = self.world.new_id()
        body = {
            **RETURNED, "occurred_at": BEGIN, "business_date": BEGIN.date(), "reference": number or return_id.hex,
            "original": {"purchase_id": ids.show("pur", twin.sales[0][0])},
            "lines": [{"line_id": "1", "quantity": units}],
        }  # fmt: skip
        report = returns.reported(body, vault=till.desk.vault, return_id=return_id)

        def do(session: Session) -> str:
            outcome = returns.bring_back(session, till.desk, report=report, who=WHO, now=BEGIN)
            return "again" if outcome.replayed else f"took {outcome.row['points_taken_back']}"

        return lambda: till.try_to(do)

    def voiding(self, till: Till, twin: Twin) -> Work:
        """The member's purchase is undone."""
        original, void_id = {"purchase_id": ids.show("pur", twin.sales[0][0])}, self.world.new_id()

        def do(session: Session) -> str:
            row = voiding.void_purchase(
                session, till.desk, original=original, reason="x", void_id=void_id, who=WHO, now=BEGIN
            )
            return f"took {row['points_taken_back']}"

        return lambda: till.try_to(do)

    def undoing(self, till: Till, twin: Twin) -> Work:
        """The member's return is undone."""
        return_id, void_id = twin.returns[0][0], self.world.new_id()

        def do(session: Session) -> str:
            voiding.void_return(
                session, till.desk, return_id=return_id, reason="x", void_id=void_id, who=WHO, now=BEGIN
            )
            return "undone"

        return lambda: till.try_to(do)

    def holding(
        self, till: Till, twin: Twin, points: int = 60, *, reward: UUID | None = None, now: datetime = BEGIN
    ) -> Work:
        """Points are held, for a reward if one is named."""
        redemption_id = self.world.new_id()
        wish = Wish("reward" if reward else "points", points=None if reward else points, reward_id=reward)

        def do(session: Session) -> str:
            redemptions.hold(
                session, till.counter, member_id=twin.member_id, redemption_id=redemption_id, wish=wish,
                caller=CALLER, now=now,
            )  # fmt: skip
            return "held"

        return lambda: till.try_to(do)

    def step(self, till: Till, name: str, redemption_id: UUID, *, now: datetime = BEGIN, **more: Any) -> Work:
        """Capture, release or reverse."""
        step_id, act = self.world.new_id(), getattr(redemptions, name)

        def do(session: Session) -> str:
            done = act(
                session,
                till.counter,
                redemption_id=redemption_id,
                step_id=step_id,
                caller=CALLER,
                now=now,
                **more,
            )
            return "done" if done.fresh else "done before"

        return lambda: till.try_to(do)

    def using(self, till: Till, code: str) -> Work:
        """A code is used at the till."""
        step_id = self.world.new_id()

        def do(session: Session) -> str:
            using.use(
                session, till.counter, typed=code, place=Place("str_1"), step_id=step_id, occurred_at=BEGIN,
                caller=CALLER, now=BEGIN,
            )  # fmt: skip
            return "used"

        return lambda: till.try_to(do)

    def job(self, name: str, now: datetime) -> Work:
        """What a worker does; how much there was to do is nobody's business."""

        def run() -> str:
            jobs.JOBS[name].run(self.database, now, jobs.FOR_EVER)
            return "ran"

        return run

    def look(self, twins: Sequence[Twin], *rewards: UUID, now: datetime = BEGIN) -> tuple[Any, ...]:
        """All there is of these members once time is booked, and what is left of rewards."""
        for job in ("release_holds", "settle"):
            jobs.JOBS[job].run(self.database, now, jobs.FOR_EVER)
        members = [twin.member_id for twin in twins]
        with self.database.snapshot() as connection:
            found = [
                (name, *sorted(connection.execute(query, (members,)).fetchall(), key=str))
                for name, query in _STATE
            ]
            left = connection.execute(
                "SELECT stock_left FROM rewards WHERE reward_id = ANY(%s)", (list(rewards),)
            )
            return (*found, *left.fetchall())
