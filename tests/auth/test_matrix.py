"""Every operation × every kind of caller × things that are somebody else's, generated from the permission table.

Nothing leaks, not even whether a thing is there: an id of somebody else's gets the answer that a made-up id gets. A new
operation is in the matrix by being declared; what its path or its body names in a new way must be said here.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty_api import ids, jobs, openapi
from loyalty_api.app import PREFIXES, blueprints
from loyalty_api.auth import service, tokens
from loyalty_api.auth.permissions import PERMISSIONS
from loyalty_api.auth.rules import ALLOWED
from loyalty_api.db import driver
from loyalty_api.draws import keeping
from loyalty_api.draws.keeping import Terms
from loyalty_api.draws.rules import SPACE
from loyalty_api.draws.service import DRAWS
from loyalty_api.http import Operation
from loyalty_api.security import KINDS, Kind
from tests.support.documents import with_lots
from tests.support.engines import until
from tests.support.shop import Caller, Reply, Shop, line, receipt
from tests.support.tokens import bearer, make_client

# Whose a thing is that a path names. ``program``: the whole chain's, open to all who hold the scope; ``parent``: of the
# member before it in the path; ``store``: of one store, and a client that is bound to another one must not see it.
OWNERS: Mapping[str, str] = {
    "member_id": "program", "entry_id": "program", "reward_id": "program", "draft_id": "program",
    "client_id": "program", "store": "program", "sku": "program", "rule_id": "program", "batch_id": "program",
    "coupon_id": "program", "backtest_id": "program", "gift_id": "program", "day": "program", "list_id": "program",
    "promotion_id": "program", "quote_id": "program",
    "identifier_id": "parent", "person_id": "parent", "lot_id": "parent", "change_no": "parent",
    "purchase_id": "store", "return_id": "store", "redemption_id": "store", "order_id": "store", "reject_id": "store",
    "reservation_id": "store",
}  # fmt: skip
# Goods come back to any store, so any till may name a purchase of another one.
ANYWHERE = {"return_purchase"}
# The same for what a body names. What a receipt says of a redemption is answered in its discrepancies: it is a fact.
IN_BODIES: Mapping[str, str] = {
    "member_id": "program", "reward_id": "program", "store_id": "program", "person_id": "program",
    "line_id": "inside", "client_id": "sign-in", "code": "right", "redemption_id": "fact", "purchase_id": "store",
    "original_line_id": "inside", "quote_id": "right", "promotion_id": "inside",
}  # fmt: skip
_VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
# A key that is refused: whoever may call learns no more, and nothing happens.
_TOO_LONG = "k" * 129
_keys = itertools.count(1)

OPERATIONS: dict[str, tuple[Operation, str]] = {
    operation.operation_id: (operation, f"{blueprint.url_prefix or ''}{operation.rule}")
    for blueprint in blueprints()
    for operation in blueprint.operations
}
NAMING = {name: _VARIABLE.findall(path) for name, (_, path) in OPERATIONS.items() if _VARIABLE.search(path)}


@dataclass(slots=True)
class Theirs:
    """A shop, and in it what belongs to a member and to the store ``str_1``; ``things`` by the name of its variable."""

    shop: Shop
    owner: str
    other: str
    things: dict[str, str]

    def path(self, operation_id: str, **instead: str) -> str:
        """The operation's path about these things, or others in their places."""
        found = {**self.things, "member_id": self.owner, **instead}
        return _VARIABLE.sub(lambda match: found[match[2]], OPERATIONS[operation_id][1])

    def made_up(self, variable: str) -> str:
        """An id in the same form that nobody has."""
        if self.things[variable].isdigit():
            return "987654"
        prefix = self.things[variable].partition("_")[0]
        return ids.show(prefix, ids.new()) if prefix in PREFIXES else "nowhere"

    def bound(self, kind: Kind) -> Caller:
        """A client of the kind with all that it may hold, bound to ``str_2``."""
        scopes = ALLOWED[kind] - ({"purchases:import"} if kind == "partner" else set())  # type: ignore[index]
        with self.shop.database.unit_of_work() as session:
            client, _ = service.create_client(
                session, kind=kind, name="Elsewhere", scopes=scopes, store_id="str_2",  # type: ignore[arg-type]
                rate=1_000_000, now=datetime.now(UTC),
            )  # fmt: skip
        return Caller(self.shop.app, bearer(_token(self.shop, client, seconds=600)))


@pytest.fixture(scope="module")
def theirs(shop: Shop) -> Theirs:
    now = datetime.now(UTC)
    rate = {"points": 10, "amount": 10, "step": 10, "minimum": 20}
    off = {"id": "off", "where": {"sku": ["none"]}, "benefit": {"amount": {"off": 1, "on": "lines"}}}
    levels = {"metric": "spend", "levels": [{"id": "gold", "threshold": 1000}]}
    thanks = {"id": "thanks", "trigger": {"purchase": {}}, "give": {"points": 1}}
    listed = {"id": "listed", "trigger": {"list": {}}, "give": {"points": 1}}
    gifts = {"rules": [thanks, listed]}
    rules = with_lots(redeem={"rate": rate}, tiers=levels, gifts=gifts, promotions=[off])
    shop.publish(rules, effective_from=now)
    owner, other = (
        shop.enrol(card, people=[{"name": "Ola", "identifiers": []}])
        for card in ("260900000017", "260900000024")
    )
    sale = receipt(line(50_000), card="260900000017")
    things = {
        "purchase_id": shop.till.post("/v1/purchases", sale, key=None)["purchase_id"],
        "rule_id": "base",
        "promotion_id": "off",
    }
    back = {name: sale[name] for name in ("store", "terminal", "business_date", "occurred_at")}
    original = {name: sale[name] for name in ("store", "terminal", "business_date", "reference")}
    goods = {**back, "reference": "back", "original": original, "lines": [{"line_id": "1", "quantity": 1}]}
    small = receipt(line(100), terminal="2")
    shop.till.post("/v1/purchases", small, key=None)
    goods["original"] = {name: small[name] for name in original}
    things["return_id"] = shop.till.post("/v1/returns", goods, key=None)["return_id"]
    hold = {"member_id": owner, "for": "basket", "max_amount": 20, "store": "str_1"}
    basket = {
        k: v
        for k, v in receipt(line(100)).items()
        if k in ("store", "terminal", "occurred_at", "currency", "lines")
    }
    things["quote_id"] = shop.till.post("/v1/quotes", basket, key=None)["quote_id"]
    things["reservation_id"] = shop.till.post(f"/v1/quotes/{things['quote_id']}/reserve", basket)[
        "reservation_id"
    ]
    things["redemption_id"] = shop.till.post("/v1/redemptions", hold)["redemption_id"]
    things |= {
        "order_id": _ordered(shop, owner),
        "reject_id": _rejected(shop, sale),
        "store": "str_1",
        "sku": "bread",
    }
    things |= _of_member(shop, owner) | _of_office(shop) | _coupon(shop, owner)
    things |= _gift(shop, owner) | _draw(shop, owner)
    return Theirs(shop, owner, other, things)


def _ordered(shop: Shop, member: str) -> str:
    reward = {"kind": "product", "name": {"en": "A bag"}, "price": {"points": 3}, "fulfilment": "pickup"}
    wish = {"member_id": member, "for": "reward", "store": "str_1"}
    wish["reward_id"] = shop.office.post("/v1/rewards", reward)["reward_id"]
    held = shop.till.post("/v1/redemptions", wish)["redemption_id"]
    order: str = shop.till.post(f"/v1/redemptions/{held}/capture")["order"]["order_id"]
    return order


def _coupon(shop: Shop, member: str) -> dict[str, str]:
    batch = {"name": "MINE", "kind": "personal", "members": [member]}
    made = shop.office.post("/v1/coupon-batches", batch)["batch_id"]
    jobs.make_coupons(shop.database, shop.app.extensions["vault"], now=datetime.now(UTC))
    coupon = shop.office.get(f"/v1/coupon-batches/{made}/coupons")["data"][0]["coupon_id"]
    return {"batch_id": made, "coupon_id": coupon}


def _draw(shop: Shop, member: str) -> dict[str, str]:
    """A draw of the member's, on a day that is not the latest."""
    now = datetime.now(UTC)
    terms = Terms(ZoneInfo("UTC"), timedelta(hours=24), {"lucky": (SPACE,)})
    with shop.database.unit_of_work() as session:
        days = keeping.commit_ahead(
            session, vault=shop.app.extensions["vault"], zone=terms.zone, terms_of=lambda _day: terms, now=now
        )
        row = (ids.read("mbr", member), "lucky", days[0], "\\x" + "ab" * 32, 0, 7, True, ids.new(), now)
        DRAWS.insert(driver(session), [row])
    return {"day": days[0].isoformat()}


def _gift(shop: Shop, member: str) -> dict[str, str]:
    made = shop.office.post("/v1/gift-lists", {"rule": "listed", "name": "Spring"})["list_id"]
    gift = shop.office.get(f"/v1/members/{member}/gifts")["data"][0]["gift_id"]
    return {"gift_id": gift, "list_id": made}


def _rejected(shop: Shop, sale: Mapping[str, Any]) -> str:
    other = {**sale, "total": 7, "payments": []}
    shop.till.upload("POST", "/v1/batch", [{"type": "purchase", "body": other}])
    reject: str = shop.office.get("/v1/rejects")["data"][0]["reject_id"]
    return reject


def _of_member(shop: Shop, member: str) -> dict[str, str]:
    of = {
        name: shop.office.get(f"/v1/members/{member}/{name}")["data"][0]
        for name in ("identifiers", "entries", "lots")
    }
    person = shop.office.get(f"/v1/members/{member}/people")["data"][0]["person_id"]
    return {
        "identifier_id": of["identifiers"]["identifier_id"],
        "entry_id": of["entries"]["entry_id"],
        "lot_id": of["lots"]["lot_id"],
        "change_no": "1",
        "person_id": person,
    }


def _of_office(shop: Shop) -> dict[str, str]:
    client = shop.office.post("/v1/clients", {"kind": "staff", "name": "A"})["client_id"]
    reward = shop.office.get("/v1/rewards")["data"][0]["reward_id"]
    document = shop.office.get("/v1/program")["document"]
    draft = shop.office.post("/v1/program/versions", {"document": document})["program_version_id"]
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    backtest = shop.office.post(f"/v1/program/versions/{draft}/backtests", window)["backtest_id"]
    return {"client_id": client, "reward_id": reward, "draft_id": draft, "backtest_id": backtest}


def _token(shop: Shop, client: Any, *, seconds: int) -> str:
    authority = shop.app.extensions["authority"]
    with shop.database.unit_of_work() as session:
        issuer = authority.signing(session)
    return tokens.client_token(
        issuer,
        client=client,
        scopes=client.scopes,
        now=time.time() - 3600 * (seconds < 0),
        seconds=abs(seconds),
    )


def ask(caller: Caller, operation_id: str, path: str, *, key: str | None = None) -> Reply:
    """The operation by its own example, under a key of its own."""
    operation, _ = OPERATIONS[operation_id]
    headers = {"Idempotency-Key": key or f"matrix-{next(_keys)}", "If-Match": "*"}
    if operation.body is None:
        return caller.call(operation.method, path, headers=headers)
    example = operation.example if operation.example is not None else {}
    if operation.body_type != "application/json":
        return caller.call(
            operation.method, path, raw=b"", headers={**headers, "Content-Type": operation.body_type}
        )
    return caller.call(operation.method, path, body=deepcopy(example), headers=headers)


def told(reply: Reply) -> tuple[int, Any]:
    """What a caller learns, without what names this request."""
    body = reply.body
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("instance", "request_id")}
    return reply.status, body


# Who may do what at all.


@pytest.fixture(scope="module")
def strangers(theirs: Theirs) -> dict[str, Caller]:
    """Callers whom nobody knows, or not any more."""
    shop = theirs.shop
    gone, _ = make_client(shop.app, "admin")
    revoked = Caller(shop.app, bearer(_token(shop, gone, seconds=600)))
    with shop.database.unit_of_work() as session:
        service.revoke_client(session, client_id=gone.client_id, now=datetime.now(UTC), actor="test")
    until(lambda: revoked.get("/v1/clients").status == 401, "the revoked client is out everywhere")
    alive, _ = make_client(shop.app, "admin")
    signed_out = shop.member(shop.enrol())
    assert signed_out.post("/v1/me/sign-out-everywhere").status == 200
    until(lambda: signed_out.get("/v1/me").status == 401, "the member is out everywhere")
    return {
        "nobody": Caller(shop.app, {}),
        "expired": Caller(shop.app, bearer(_token(shop, alive, seconds=-600))),
        "revoked": revoked,
        "signed out": signed_out,
        "forged": Caller(shop.app, bearer("eyJhbGciOiJFUzI1NiJ9.e30.AAAA")),
    }


def paths_of(theirs: Theirs, operation_id: str) -> Iterator[str]:
    """The operation's path about something real, and about something made up."""
    yield theirs.path(operation_id)
    for _, variable in NAMING.get(operation_id, ()):
        if variable in theirs.things or variable == "member_id":
            known = {**theirs.things, "member_id": theirs.owner}
            made_up = Theirs(theirs.shop, theirs.owner, theirs.other, known).made_up(variable)
            yield theirs.path(operation_id, **{variable: made_up})


GUARDED = [name for name in OPERATIONS if PERMISSIONS[name].scopes]


@pytest.mark.parametrize("operation_id", GUARDED)
def test_strangers_learn_nothing(theirs: Theirs, strangers: Mapping[str, Caller], operation_id: str) -> None:
    for name, caller in strangers.items():
        answers = [told(ask(caller, operation_id, path)) for path in paths_of(theirs, operation_id)]
        assert {status for status, _ in answers} == {401}, name
        assert all(answer == answers[0] for answer in answers), name


@pytest.mark.parametrize("operation_id", GUARDED)
def test_a_kind_that_may_not_learns_nothing_and_one_that_may_gets_in(
    theirs: Theirs, operation_id: str
) -> None:
    for kind in sorted(KINDS):
        caller = theirs.shop.member(theirs.other) if kind == "member" else theirs.shop.caller(kind)
        answers = [
            told(ask(caller, operation_id, path, key=_TOO_LONG)) for path in paths_of(theirs, operation_id)
        ]
        refused = [
            answer for answer in answers if answer[0] == 403 and answer[1]["code"] == "insufficient_scope"
        ]
        if kind in PERMISSIONS[operation_id].kinds:
            assert not refused, kind
            assert 401 not in {status for status, _ in answers}, kind
        else:
            assert refused == answers, kind
            assert all(answer == answers[0] for answer in answers), kind


# What is somebody else's.


def test_whose_a_thing_is_that_a_path_names_is_known() -> None:
    named = {variable for name, found in NAMING.items() for _, variable in found if PERMISSIONS[name].scopes}
    assert named == OWNERS.keys(), "say in OWNERS whose it is, and put one into `theirs`"


def test_whose_a_thing_is_that_a_body_names_is_known(shop: Shop) -> None:
    shapes = openapi.document(shop.app)["components"]["schemas"]
    bodies = {
        schema["$ref"].rpartition("/")[2]
        for item in openapi.document(shop.app)["paths"].values()
        for operation in item.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for schema in (content["schema"].get("contentSchema", content["schema"]),)
    }
    named = {name for body in bodies for name in _names(shapes, body, set())}
    assert {name for name in named if name.endswith("_id") or name == "code"} <= IN_BODIES.keys()


def _names(shapes: Mapping[str, Any], shape: str, seen: set[str]) -> Iterator[str]:
    """Names of all fields in a shape and in those inside it."""
    if shape in seen:
        return
    seen.add(shape)
    yield from shapes[shape].get("properties", {})
    for inner in re.findall(r"#/components/schemas/(\w+)", str(shapes[shape])):
        yield from _names(shapes, inner, seen)


def cells() -> Iterator[tuple[str, Kind, str]]:
    """Each operation, each kind that may use it, and each thing in its path that may be somebody else's."""
    for name, found in NAMING.items():
        for (_, variable), kind in itertools.product(found, sorted(PERMISSIONS[name].kinds)):
            if kind == "member" or (OWNERS.get(variable) in ("parent", "store") and name not in ANYWHERE):
                yield name, kind, variable


@pytest.mark.parametrize(("operation_id", "kind", "variable"), list(cells()))
def test_somebody_elses_is_as_if_it_were_not_there(
    theirs: Theirs, operation_id: str, kind: Kind, variable: str
) -> None:
    if kind == "member":
        caller, place = theirs.shop.member(theirs.other), {}
    elif OWNERS[variable] == "parent":
        caller, place = theirs.shop.caller(kind), {"member_id": theirs.other}
    else:
        caller, place = theirs.bound(kind), {}
    real = ask(caller, operation_id, theirs.path(operation_id, **place))
    none = ask(
        caller, operation_id, theirs.path(operation_id, **place, **{variable: theirs.made_up(variable)})
    )
    assert none.status == 404, none.body
    assert told(real) == told(none)


def test_a_receipt_elsewhere_is_not_undone_by_its_id(theirs: Theirs) -> None:
    till = theirs.bound("terminal")
    answers = [
        told(till.post("/v1/voids", {"original": {"purchase_id": purchase}, "reason": "x"}))
        for purchase in (theirs.things["purchase_id"], theirs.made_up("purchase_id"))
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "operation_id", [name for name in NAMING if OPERATIONS[name][0].method == "GET" and name in GUARDED]
)
def test_whose_it_is_sees_it(theirs: Theirs, operation_id: str) -> None:
    """Without this the rest could be true because nothing is ever found."""
    for kind in PERMISSIONS[operation_id].kinds:
        caller = theirs.shop.member(theirs.owner) if kind == "member" else theirs.shop.caller(kind)
        assert ask(caller, operation_id, theirs.path(operation_id)).status == 200, kind
