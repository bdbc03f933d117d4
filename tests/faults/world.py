"""The merchant whose day it is: a program, stores, clients and members, ready before the first fault."""

from __future__ import annotations

import base64
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import flask

from loyalty_api import ids
from loyalty_api.app import create_app
from loyalty_api.config import Settings
from tests.coupons.printing import printed
from tests.faults.calling import Client, Credential, MemberToken
from tests.faults.history import History, Kind, Operation, Result
from tests.faults.place import RING, Place
from tests.promotions.till import off
from tests.support.shop import Reply, Shop, open_shop
from tests.support.tokens import make_client, member_token_for

FEW = 5
"""Of what there is a few times a day, so many."""
# Holds that nobody ends are ended by the worker; none ends while a race for points goes on, by a client's patience.
PROGRAM: dict[str, Any] = {
    "currency": "USD",
    "time_zone": "UTC",
    "purchases": {"late_days": None},
    "exclusions": [],
    "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
    "redeem": {
        "rate": {"points": 10, "amount": 10, "step": 10, "minimum": 10},
        "hold": {"till": {"minutes": 2}, "app": {"hours": 1}},
    },
    "adjustments": {"client_per_day": 10_000},
    # Each for the product of its name: a coupon's discount, five uses and five gifts a day.
    "promotions": [
        off("coupon", when={"coupon": ["RACE"]}), off("few", budget={"times": FEW, "per": "day"}),
    ],
    "gifts": {
        "rules": [
            {
                "id": "cake", "trigger": {"purchase": {}}, "when": {"lines": {"where": {"sku": ["gift"]}}},
                "give": {"product": {"text": "Cake"}}, "cost": 100,
                "budget": {"money": 100 * FEW, "period": "day"},
            },
        ],
    },
    "lots": {"available": "at_once", "expire": "never"},
}  # fmt: skip
MEMBERS = 12
_TRIES = 600
_CODES, _EVER = 2_000, "2000-01-01T00:00:00Z"
TILLS = 4
# How far each till's clock is off, in days.
SKEWS = (0.0, -3.0, 2.0, -40.0)


@dataclass(slots=True)
class World:
    """Everything that actors share."""

    place: Place
    history: History
    seed: int
    app: flask.Flask
    shop: Shop
    tills: list[Credential]
    office: Credential
    staff: Credential
    members: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """One that nobody else has."""
        return next(self._numbers)

    def client(self, name: str, credential: Credential, *, steady: bool = False) -> Client:
        """Somebody new at the API."""
        return Client(
            name, self.history, self.place.port, credential, seed=f"{self.seed}/{name}", steady=steady
        )

    def till(self, name: str, number: int = 0) -> Client:
        """A lane that is there for one errand."""
        return self.client(name, self.tills[number % len(self.tills)])

    def app_of(self, member_id: str) -> Credential:
        """A member's own token, good for a quarter of an hour and then made anew."""
        found = ids.read("mbr", member_id)
        assert found is not None

        def make() -> str:
            try:
                return member_token_for(self.app, found)
            except Exception:  # The database may be away: there is no token then.
                return ""

        return MemberToken(make)

    def enrol(self) -> str:
        """A member who is there from the beginning."""
        card = {"kind": "card", "value": f"SETUP{self.number()}"}
        return str(self.make("/v1/members", {"identifiers": [card]})["member_id"])

    def make(self, path: str, body: dict[str, Any]) -> Reply:
        """Something that a race needs, made past every proxy; PostgreSQL may still be recovering from a fault."""
        key = f"setup-{self.number()}"
        for _ in range(_TRIES):
            made = self.shop.office.post(path, body, key=key)
            if made.status != 503:
                break
            time.sleep(0.1)
        assert made.status == 201, made.body
        return made


@contextmanager
def open_world(place: Place, history: History, seed: int) -> Iterator[World]:
    """Publish the program and make stores, clients and members, past every proxy."""
    settings = Settings(
        data_dir=place.folder, database_url=place.app_url, keys=(("faults", base64.b64decode(RING)),)
    )
    app = create_app(settings)
    try:
        yield _furnished(place, history, seed, app)
    finally:
        app.extensions["database"].close()


def _furnished(place: Place, history: History, seed: int, app: flask.Flask) -> World:
    shop = open_shop(app, document=PROGRAM)

    def credential(kind: Any, scopes: Any = None) -> Credential:
        client, secret = make_client(app, kind, scopes=scopes)
        return Credential(place.port, client.public_id, secret)

    world = World(
        place, history, seed, app, shop,
        tills=[credential("terminal") for _ in range(TILLS)],
        office=credential("admin"),
        staff=credential("staff", {"points:adjust", "members:read", "members:write"}),
    )  # fmt: skip
    world.members += [world.enrol() for _ in range(MEMBERS)]
    world.codes += [made["code"] for made in printed(shop, name="RACE", count=_CODES, valid_from=_EVER)]
    return world


def sale(
    number: int,
    member: str,
    amount: int,
    *,
    terminal: str,
    skew: float,
    dice: random.Random | None = None,
    sku: str = "bread",
    taken_off: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """A receipt of one or more lines, on a clock that is so many days off; ``taken_off`` by a promotion."""
    moment = datetime.now(UTC) + timedelta(days=skew)
    given = (
        {"discounts": [{"source": "program", "promotion_id": sku, "amount": taken_off}]} if taken_off else {}
    )
    parts = [amount] if dice is None else _split(amount, dice)
    return {
        "store": "str_1",
        "terminal": terminal,
        "business_date": moment.date().isoformat(),
        "reference": f"R{number:07d}",
        "occurred_at": moment.isoformat(),
        "currency": "USD",
        "member_id": member,
        "lines": [
            {"line_id": str(n), "sku": sku, "amount": part, **given} for n, part in enumerate(parts, start=1)
        ],
        "total": amount - taken_off,
        "payments": [{"kind": "card", "amount": amount - taken_off}],
        **more,
    }


def _split(amount: int, dice: random.Random) -> list[int]:
    cuts = sorted(dice.randrange(amount) for _ in range(dice.randrange(4)))
    return [high - low for low, high in itertools.pairwise([0, *cuts, amount]) if high > low]


def receipt_of(body: dict[str, Any]) -> str:
    """What a purchase or a return is found by."""
    return "/".join((body["store"], body["terminal"], body["business_date"], body["reference"]))


def sold(document: Any) -> Result:
    """What a recorded purchase did."""
    return Result(document["purchase_id"], document["points"]["earned"] - document["points"]["spent"])


def came_back(document: Any) -> Result:
    """What a return did."""
    points = document["points"]
    return Result(document["return_id"], points["given_back"] - points["taken_back"])


def held(document: Any) -> Result:
    """What a hold did: nothing yet to what there is altogether."""
    return Result(document["redemption_id"], 0)


def reserved(document: Any) -> Result:
    """What a reservation did."""
    return Result(document["reservation_id"], 0)


def prize(kind: Kind, document: Any) -> tuple[Result | None, str | None]:
    """The coupon that a purchase used, or the gift that it brought; else the code that says why not."""
    if kind == "coupon":
        (coupon,) = document["coupons"]
        used = coupon["status"] == "used"
        return (Result(coupon["coupon_id"], 0), None) if used else (None, coupon["reason"])
    won = [gift["gift_id"] for gift in document["gifts"]]
    return (Result(won[0], 0), None) if won else (None, "gifts_used_up")


def ended(status: str) -> Callable[[Any], Result | None]:
    """What a capture or a release did, if it did it."""

    def reading(document: Any) -> Result | None:
        if (document.get("status") or document.get("redemption_status")) not in (status, None):
            return None
        used = document["captured"]["points"] if "captured" in document else 0
        return Result(document["redemption_id"], -used if status == "captured" else 0)

    return reading


def note(client: Client, kind: Any, *, key: str, subject: str, member: str) -> Operation:
    """An operation of the client's, written down before it begins."""
    return client.history.begin(kind, key=key, subject=subject, member=member)
