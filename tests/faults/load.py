"""The load: tills, apps and staff who go on whatever happens."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from tests.faults.calling import PATIENCE, Answer, Client
from tests.faults.history import Attempt, Kind, Operation, Read, Result
from tests.faults.world import (
    SKEWS,
    World,
    came_back,
    ended,
    held,
    note,
    prize,
    receipt_of,
    sale,
    sold,
)
from tests.promotions.till import asked

APPS = 4
_NDJSON = "application/x-ndjson"
# What nobody has used before must be to be had.
_UNEXPLAINED = "refused_to_the_first"


class Load:
    """Threads that work until they are told to end, and then finish what they are at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.trouble: list[str] = []
        actors: list[Callable[[], None]] = [Till(world, number).work for number in range(len(world.tills))]
        actors += [App(world, number).work for number in range(APPS)]
        actors += [Staff(world).work]
        self._threads = [threading.Thread(target=self._run, args=(actor,), daemon=True) for actor in actors]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def has_begun(self) -> bool:
        """Whether everybody has been served once: an outage is not the time before that."""
        return len(self._world.history.answers) == len(self._threads)

    def finish(self) -> None:
        """Tell everybody to end, and wait."""
        self._world.ended.set()
        for thread in self._threads:
            thread.join(PATIENCE + 60)
        if any(thread.is_alive() for thread in self._threads):
            self.trouble.append("an actor of the load did not end")

    def _run(self, actor: Callable[[], None]) -> None:
        try:
            actor()
        except Exception:
            self.trouble.append(traceback.format_exc())


class Till:
    """A lane whose clock is off: sells, quotes, takes back, lets points be used, enrols, and sends what was queued."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._number = world, number
        self._skew = SKEWS[number % len(SKEWS)]
        self._client = world.client(f"till-{number}", world.tills[number], steady=True)
        self._clerk = world.client(f"desk-{number}", world.staff)
        self._returnable: list[tuple[dict[str, Any], str]] = []
        self._used: list[str] = []

    def work(self) -> None:
        """One customer after the other."""
        errands = (
            (self._sell, 40), (self._take_back, 12), (self._use_points, 20), (self._quote, 8), (self._enrol, 6),
            (self._send_queue, 8), (self._look_up, 6), (self._sell_for_a_coupon, 6), (self._sell_with_a_gift, 2),
        )  # fmt: skip
        ways, weights = zip(*errands, strict=True)
        while not self._world.ended.is_set():
            self._client.dice.choices(ways, weights)[0]()
            self._client.rest(0.0, 0.02)
        self._client.close()
        self._clerk.close()

    def _somebody(self) -> str:
        return self._client.dice.choice(self._world.members)

    def _sale(self, member: str) -> dict[str, Any]:
        amount = self._client.dice.randrange(100, 30_000)
        return sale(
            self._world.number(),
            member,
            amount,
            terminal=str(self._number),
            skew=self._skew,
            dice=self._client.dice,
        )

    def _sell(self) -> None:
        member = self._somebody()
        body = self._sale(member)
        # Some tills send a key, some leave it to the receipt.
        key = f"sale-{body['reference']}" if self._number % 2 else ""
        operation = note(self._client, "purchase", key=key, subject=receipt_of(body), member=member)
        answer = self._client.insist(operation, "/v1/purchases", body, sold, may_give_up=True)
        if answer is not None and operation.acknowledged:
            self._returnable.append((body, member))

    def _sell_for_a_coupon(self) -> None:
        """A coupon that nobody has used, or now and then one that this till has used before."""
        if self._used and self._client.dice.random() < 0.2:
            self._sell_for("coupon", coupons=[self._client.dice.choice(self._used)], taken_off=200)
        elif self._world.codes:
            self._used.append(self._world.codes.pop())
            self._sell_for("coupon", first=True, coupons=[self._used[-1]], taken_off=200)

    def _sell_with_a_gift(self) -> None:
        self._sell_for("gift")

    def _sell_for(self, kind: Kind, *, first: bool = False, **more: Any) -> None:
        member, terminal = self._somebody(), str(self._number)
        body = sale(self._world.number(), member, 2_000, terminal=terminal, skew=self._skew, sku=kind, **more)
        if buy(self._client, body, kind, first=first, may_give_up=True):
            self._returnable.append((body, member))

    def _take_back(self) -> None:
        if not self._returnable:
            return
        number = self._client.dice.randrange(len(self._returnable))
        original, member = self._returnable.pop(number)
        named = {name: original[name] for name in ("store", "terminal", "business_date", "reference")}
        body = {
            **named,
            "reference": f"B{self._world.number():07d}",
            "occurred_at": original["occurred_at"],
            "original": named,
        }
        if len(original["lines"]) > 1:
            body["lines"] = [{"line_id": "1"}]
        operation = note(self._client, "return", key="", subject=receipt_of(body), member=member)
        self._client.insist(operation, "/v1/returns", body, came_back, may_give_up=True)

    def _use_points(self) -> None:
        member, tag = self._somebody(), f"hold-{self._world.number()}"
        points = self._client.dice.randrange(1, 30) * 10
        body = {"member_id": member, "for": "points", "points": points, "store": "str_1", "cashier": tag}
        operation = note(self._client, "hold", key=tag, subject=tag, member=member)
        answer = self._client.insist(operation, "/v1/redemptions", body, held, may_give_up=True)
        if answer is None or not operation.acknowledged:
            return
        redemption = str(answer.document["redemption_id"])
        kind, word = self._client.dice.choice(
            [("capture", "captured")] * 3 + [("release", "released"), ("", "")]
        )
        if kind:
            step = note(self._client, kind, key=f"{kind}-{tag}", subject=redemption, member=member)
            self._client.insist(
                step, f"/v1/redemptions/{redemption}/{kind}", {}, ended(word), may_give_up=True
            )

    def _quote(self) -> None:
        body = self._sale(self._somebody())
        self._client.send("POST", "/v1/quotes", asked(body))

    def _look_up(self) -> None:
        self._client.send("POST", "/v1/members/lookup", {"identifier": {"kind": "card", "value": "SETUP1"}})

    def _enrol(self) -> None:
        tag = f"new-{self._world.number()}"
        operation = note(self._clerk, "enrolment", key=tag, subject=tag, member=tag)
        body = {"identifiers": [{"kind": "card", "value": tag.upper()}], "tags": [tag]}
        answer = self._clerk.insist(operation, "/v1/members", body, lambda made: Result(made["member_id"], 0))
        if answer is not None and operation.acknowledged:
            self._world.members.append(str(answer.document["member_id"]))

    def _send_queue(self) -> None:
        bodies = [self._sale(self._somebody()) for _ in range(self._client.dice.randrange(2, 15))]
        send_batch(self._client, bodies, queue(self._client, bodies))


class App:
    """A member who looks at the points again and again, with the ETag of what is on the screen."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._member = world, world.members[number]
        self._client = world.client(f"app-{number}", world.app_of(self._member), steady=True)
        self._shown: dict[str, tuple[str, int, int]] = {}

    def work(self) -> None:
        """Look at the balance, or at the summary, which Redis may answer."""
        while not self._world.ended.is_set():
            self._look(self._client.dice.choice(("/v1/me/balance", "/v1/me/summary", "/v1/me/summary")))
            self._client.rest(0.0, 0.03)
        self._client.close()

    def _look(self, path: str) -> None:
        etag, version, total = self._shown.get(path, ("", 0, 0))
        headers = {"If-None-Match": etag} if etag else {}
        invoked, returned, answer = self._client.send("GET", path, headers=headers)
        if answer.status == 200:
            version, total = _seen(answer)
            self._shown[path] = (answer.headers.get("etag", ""), version, total)
        elif answer.status != 304:
            return
        seen = total if answer.status == 200 else None
        self._world.history.saw(Read(self._client.name, self._member, invoked, returned, version, seen))


def _seen(answer: Answer) -> tuple[int, int]:
    document = answer.document
    points = document.get("balance", document)
    return document["version"], points["available"] + points["pending"] + points["held"] - points["debt"]


class Staff:
    """The customer service, which corrects points and looks at the result."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client = world.client("staff", world.staff, steady=True)

    def work(self) -> None:
        """Give or take, then look."""
        while not self._world.ended.is_set():
            member, tag = self._client.dice.choice(self._world.members), f"adj-{self._world.number()}"
            points = self._client.dice.choice((50, 20, -30))
            adjust(self._client, member, points, tag)
            invoked, returned, answer = self._client.send("GET", f"/v1/members/{member}/balance")
            if answer.status == 200:
                version, total = _seen(answer)
                self._world.history.saw(Read("staff", member, invoked, returned, version, total))
            self._client.rest(0.02, 0.1)
        self._client.close()


def buy(
    client: Client,
    body: dict[str, Any],
    kind: Kind,
    *,
    key: str = "",
    first: bool = False,
    may_give_up: bool = False,
) -> bool:
    """Report a sale that is to use a coupon or to bring a gift; whether it is known to be recorded.

    What it won is an operation of its own, and known with the same answer. Who is the ``first`` has to win it.
    """
    subject, member = receipt_of(body), body["member_id"]
    bought = note(client, "purchase", key="", subject=subject, member=member)
    wanted = note(client, kind, key=key, subject=subject, member=member)
    answer = client.insist(bought, "/v1/purchases", body, sold, may_give_up=may_give_up)
    last = bought.attempts[-1]
    won, why = None, last.code
    if answer is not None and bought.acknowledged:
        won, why = prize(kind, answer.document)
        why = _UNEXPLAINED if first and won is None else why
    wanted.attempts.append(replace(last, result=won, code=why))
    wanted.abandoned = bought.abandoned
    return bought.acknowledged


def adjust(client: Client, member: str, points: int, tag: str, *, operation: Operation | None = None) -> None:
    """Correct a member's points; ``operation`` when it was begun before."""
    made = operation or note(client, "adjustment", key=tag, subject=tag, member=member)
    body = {"points": points, "reason": "goodwill", "cashier": tag}
    client.insist(
        made,
        f"/v1/members/{member}/adjustments",
        body,
        lambda done: Result(done["adjustment_id"], done["points"]),
    )


def queue(client: Client, bodies: Sequence[dict[str, Any]]) -> list[Operation]:
    """The operations of a batch, begun."""
    return [
        note(client, "purchase", key="", subject=receipt_of(body), member=body["member_id"])
        for body in bodies
    ]


def send_batch(client: Client, bodies: Sequence[dict[str, Any]], operations: Sequence[Operation]) -> None:
    """Send a file again and again until every item in it has been answered."""
    raw = b"\n".join(orjson.dumps({"type": "purchase", "body": body}) for body in bodies)
    left = client.history.now() + PATIENCE
    while client.history.now() < left:
        invoked, returned, answer = client.send(
            "POST", "/v1/batch", raw=raw, headers={"Content-Type": _NDJSON}
        )
        answered = {line["index"]: line for line in answer.lines}
        for index, operation in enumerate(operations):
            operation.attempts.append(_item(client, invoked, returned, answer, answered.get(index)))
        if len(answered) == len(operations) and answer.status == 200:
            return
        client.rest(0.05, 0.3)


def _item(client: Client, invoked: float, returned: float, answer: Answer, line: Any) -> Attempt:
    if line is None:
        return Attempt(
            client.name, invoked, returned, 0 if answer.status == 200 else answer.status, answer.code
        )
    done = line["status"] in ("created", "duplicate")
    result = Result(line["id"], line["points"]) if done else None
    return Attempt(client.name, invoked, returned, 201 if done else 422, line["code"], result)
