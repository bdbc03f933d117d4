"""A shop that people have been in, as fuzzing sees it: real ids to speak of, and callers of every kind."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from loyalty_api import ids
from loyalty_api.app import PREFIXES
from loyalty_api.security import KINDS
from tests.support.shop import Reply, Shop, line, receipt
from tests.support.tokens import member_token_for, token_for

_ID = re.compile(rf"(?:{'|'.join(PREFIXES)})_[0-9a-hjkmnp-tv-z]{{26}}".encode())
_CURSOR = re.compile(rb'"next_cursor":"([^"]+)"')
_KEPT = 60
_REWARDS: tuple[dict[str, Any], ...] = (
    {"kind": "product", "name": {"en": "A coffee", "nb": "En kaffe"}, "price": {"points": 2}},
    {"kind": "product", "name": {"en": "A bag"}, "price": {"points": 3}, "fulfilment": "pickup"},
    {"kind": "money_off", "name": {"en": "Off"}, "price": {"points": 5}, "value": {"amount": 10}},
)


@dataclass(slots=True)
class Pools:
    """Real things by what they are: ids by prefix, and ``card``, ``code``, ``cursor``, ``receipt`` …

    The oldest give way to newer ones, so that what is spoken of is mostly still there.
    """

    things: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, thing: Any) -> None:
        """Remember it."""
        kept = self.things[what]
        if thing not in kept:
            kept.append(thing)
            del kept[:-_KEPT]

    def any(self, what: str, chance: Random) -> Any:
        """One of them; a made-up id when there is none."""
        kept = self.things[what]
        return chance.choice(kept) if kept else made_up(what, chance)

    def learn(self, body: bytes) -> None:
        """Remember every id and cursor in an answer: what one request made, the next may speak of."""
        for found in _ID.findall(body[:20_000]):
            self.add(found[:3].decode(), found.decode())
        for found in _CURSOR.findall(body):
            self.add("cursor", found.decode())

    def copy(self) -> Pools:
        """The same things, to go on with alone."""
        twin = Pools()
        for what, kept in self.things.items():
            twin.things[what] = list(kept)
        return twin


def made_up(prefix: str, chance: Random) -> str:
    """An id of nobody's, in the right form."""
    return f"{prefix}_0{''.join(chance.choices('0123456789abcdefghjkmnpqrstvwxyz', k=25))}"


@dataclass(slots=True)
class World:
    """The shop's people and things. Threads may share it."""

    shop: Shop
    pools: Pools = field(default_factory=Pools)
    _tokens: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cards: int = 0

    def fill(self, *, members: int = 6) -> None:
        """Members who have bought, held, spent and returned; an order, a claim, a reject, a draft, a client."""
        for number in (1, 2):
            self.pools.add("store", f"str_{number}")
        for number in (1, 2, 300):
            self.pools.add("number", str(number))
        for rule in ("base", "tier:gold"):
            self.pools.add("rule", rule)
        for sku in ("apple", "bread", "cigar"):
            self.pools.add("sku", sku)
        for reward in _REWARDS:
            self._learn(self.shop.office.post("/v1/rewards", reward))
        for _ in range(members):
            self._newcomer()
        self._office_work()

    def token(self, kind: str, *, instead_of: str | None = None) -> str:
        """A token of a caller of this kind; another one once ``instead_of`` does not hold any more."""
        with self._lock:
            if self._tokens.get(kind) in (None, instead_of):
                self._tokens[kind] = self._sign(kind)
            return self._tokens[kind]

    def renew(self) -> None:
        """New callers, and newcomers among the members: of the old ones many were closed or revoked by now."""
        with self._lock:
            self._tokens.clear()
            self.shop.forget_callers()
            self._newcomer()

    def _sign(self, kind: str) -> str:
        # Those whom we call as ourselves may have been revoked as well.
        self.shop.forget_callers()
        if kind != "member":
            return token_for(self.shop.app, kind, scopes=("all",))  # type: ignore[arg-type]
        found = ids.read("mbr", self._newcomer())
        assert found is not None
        return member_token_for(self.shop.app, found)

    def _newcomer(self) -> str:
        """A member with a card who bought three times, holds points, ordered something and returned something."""
        self._cards += 1
        card = f"{4_600_000_000_000 + self._cards}"
        member = self.shop.enrol(card, people=[{"name": "Ola", "identifiers": []}])
        self.pools.add("card", card)
        for amount in (9_000, 1_200, 700):
            sale = receipt(line(amount), card=card)
            self._learn(self.shop.till.post("/v1/purchases", sale, key=None))
            self.pools.add("receipt", sale)
        self._use_points(member, card)
        for path in ("identifiers", "people", "entries", "purchases"):
            self._learn(self.shop.office.get(f"/v1/members/{member}/{path}"))
        return member

    def _use_points(self, member: str, card: str) -> None:
        held = {"member_id": member, "store": "str_1"}
        self._learn(self.shop.office.post("/v1/redemptions", {**held, "for": "basket", "max_amount": 20}))
        for reward in self.pools.things["rwd"][:3]:
            made = self._learn(
                self.shop.office.post("/v1/redemptions", {**held, "for": "reward", "reward_id": reward})
            )
            if made.status == 201:
                path = f"/v1/redemptions/{made['redemption_id']}/capture"
                self._learn(self.shop.office.post(path, {}))
        own = self.shop.member(member).post("/v1/me/code")
        if own.status == 201:
            self.pools.add("code", own["code"])

    def _office_work(self) -> None:
        office = self.shop.office
        back = {**self.pools.things["receipt"][0]}
        named = {name: back[name] for name in ("store", "terminal", "business_date", "reference")}
        goods = {**named, "reference": "R1", "occurred_at": back["occurred_at"], "original": named}
        self._learn(office.post("/v1/returns", goods, key=None))
        wrong = {"type": "purchase", "body": {**back, "total": 7, "payments": []}}
        self._learn(office.upload("POST", "/v1/batch", [wrong]))
        self._learn(office.get("/v1/rejects"))
        self._learn(office.get("/v1/orders"))
        document = self.shop.office.get("/v1/program").body["document"]
        self._learn(office.post("/v1/program/versions", {"document": document}))
        self._learn(office.post("/v1/clients", {"kind": "staff", "name": "A victim"}))

    def _learn(self, reply: Reply) -> Reply:
        self.pools.learn(reply.raw)
        body: Mapping[str, Any] = reply.body if isinstance(reply.body, dict) else {}
        if body.get("code") and "redemption_id" in body:
            self.pools.add("code", body["code"])
        return reply


CALLERS = (*sorted(KINDS), "nobody", "stranger")
"""Every kind of caller; ``stranger`` comes with a token that is none."""
