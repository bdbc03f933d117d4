"""What many do at the same moment: the last of whatever there is, one code, copies out of order, one queue twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from loyalty_api import ids
from tests.faults.calling import Client
from tests.faults.history import Kind, Operation, Race, Result
from tests.faults.load import adjust, buy, queue, send_batch
from tests.faults.world import FEW, World, ended, held, note, receipt_of, reserved, sale, sold
from tests.promotions.till import asked

AT_ONCE = 64
_PRICE = 10


def points(world: World) -> None:
    """64 tills on one member who has points for 23 of them."""
    member, tag = _rich(world, 2_350), f"race-points-{world.number()}"
    tills = _tills(world, tag)
    raced = [note(till, "hold", key=till.name, subject=till.name, member=member) for till in tills]
    body = {"member_id": member, "for": "points", "points": 100, "store": "str_1"}
    _at_once([partial(_hold, till, body, one) for till, one in zip(tills, raced, strict=True)])
    _record(world, tag, "hold", raced, wins=23)


def stock(world: World) -> None:
    """64 tills on the last five pieces, for 16 members."""
    tag = f"race-stock-{world.number()}"
    reward, members = _reward(world, tag, stock=5), [_rich(world, _PRICE * 4) for _ in range(16)]
    tills = _tills(world, tag)
    raced = [
        note(till, "hold", key=till.name, subject=till.name, member=members[n % 16])
        for n, till in enumerate(tills)
    ]
    wish = {"for": "reward", "reward_id": reward, "store": "str_1"}
    _at_once(
        [partial(_hold, t, {**wish, "member_id": o.member}, o) for t, o in zip(tills, raced, strict=True)]
    )
    _record(world, tag, "hold", raced, wins=5)


def code(world: World) -> None:
    """64 tills with one code of one member."""
    tag = f"race-code-{world.number()}"
    reward, member = _reward(world, tag), _rich(world, _PRICE)
    owner = world.client(f"{tag}-owner", world.app_of(member))
    wished = note(owner, "hold", key=tag, subject=tag, member=member)
    answer = owner.insist(wished, "/v1/me/redemptions", {"for": "reward", "reward_id": reward}, held)
    owner.close()
    if answer is None or not wished.acknowledged:
        return
    wished.subject = str(answer.document["redemption_id"])
    tills = _tills(world, tag)
    raced = [note(till, "capture", key=till.name, subject=wished.subject, member=member) for till in tills]
    use = {"code": answer.document["code"], "store": "str_1"}
    read = _used(ended("captured"), _PRICE)
    _at_once([partial(_send, t, o, "/v1/codes/use", use, read) for t, o in zip(tills, raced, strict=True)])
    _record(world, tag, "capture", raced, wins=1)


def coupon(world: World) -> None:
    """64 tills with one coupon, for 16 members."""
    _win(world, "coupon", wins=1, coupons=[world.codes.pop()], taken_off=200)


def gift(world: World) -> None:
    """64 tills sell what brings a gift, on a day that has five of them, to 16 members."""
    _win(world, "gift", wins=FEW)


def budget(world: World) -> None:
    """64 tills reserve the last five uses of a promotion, each for a member of its own."""
    tag, day = f"race-budget-{world.number()}", _own_day(world)
    tills = _tills(world, tag)
    bodies = [_basket(world.enrol(), till, day) for till in tills]
    quoted = [_quote(till, body) for till, body in zip(tills, bodies, strict=True)]
    raced = [
        note(till, "reservation", key=till.name, subject=f"for {_uuid(body)}", member=body["member_id"])
        for till, body in zip(tills, bodies, strict=True)
    ]
    _at_once(
        [
            partial(_send, till, one, f"/v1/quotes/{quote}/reserve", body, reserved)
            for till, one, quote, body in zip(tills, raced, quoted, bodies, strict=True)
        ]
    )
    _record(world, tag, "reservation", raced, wins=FEW)


def _win(world: World, kind: Kind, *, wins: int, **more: Any) -> None:
    """64 tills report sales at the same moment, of which so many win something."""
    tag, day, members = f"race-{kind}-{world.number()}", _own_day(world), [world.enrol() for _ in range(16)]
    tills = _tills(world, tag)
    bodies = [
        sale(world.number(), members[n % 16], 2_000, terminal="r", skew=day, sku=kind, **more)
        for n in range(len(tills))
    ]
    _at_once([partial(_buy, till, body, kind) for till, body in zip(tills, bodies, strict=True)])
    names = {till.name for till in tills}
    _record(world, tag, kind, [one for one in world.history.operations if one.key in names], wins=wins)


def _buy(till: Client, body: dict[str, Any], kind: Kind) -> None:
    buy(till, body, kind, key=till.name)
    till.close()


def _own_day(world: World) -> float:
    """A day on which nobody else sells, as days from today: what there is once a day is all there for the race."""
    return -50.0 - world.number() % 3_000


def _basket(member: str, till: Client, day: float) -> dict[str, Any]:
    return asked(sale(0, member, 2_000, terminal=till.name[-20:], skew=day, sku="few"))


def _quote(till: Client, body: dict[str, Any]) -> str:
    """The quote's id, once the service answers."""
    for _ in range(600):
        _, _, answer = till.send("POST", "/v1/quotes", body)
        if answer.status == 200:
            return str(answer.document["quote_id"])
        till.rest(0.1, 0.2)
    raise AssertionError("never a quote")


def _uuid(body: dict[str, Any]) -> str:
    return str(ids.read("mbr", body["member_id"]))


def copies(world: World, number: int) -> None:
    """So many purchases and corrections in one to five copies each, shuffled over 16 connections."""
    tag, members = f"copies-{world.number()}", [world.enrol() for _ in range(4)]
    first = world.till(f"{tag}-0")
    letters: list[Callable[[Client], object]] = []
    for n in range(number):
        member = first.dice.choice(members)
        letters += [_letter(world, first, member, f"{tag}-{n}")] * first.dice.randint(1, 5)
    first.dice.shuffle(letters)
    clerks = [world.client(f"{tag}-{n}", world.office) for n in range(16)]
    shares = [letters[n::16] for n in range(16)]
    _at_once([partial(_deliver, clerk, share) for clerk, share in zip(clerks, shares, strict=True)])
    first.close()


def one_queue_twice(world: World) -> None:
    """Two tills send the same file at the same time, and again."""
    tag, members = f"queue-{world.number()}", [world.enrol() for _ in range(3)]
    tills = [world.till(f"{tag}-{n}", n) for n in range(2)]
    dice = tills[0].dice
    bodies = [
        sale(world.number(), dice.choice(members), dice.randrange(100, 9_000), terminal="q", skew=-2.0)
        for _ in range(40)
    ]
    operations = queue(tills[0], bodies)
    _at_once([partial(_send_twice, till, bodies, operations) for till in tills])


def _send_twice(till: Client, bodies: Sequence[dict[str, Any]], operations: Sequence[Operation]) -> None:
    for _ in range(2):
        send_batch(till, bodies, operations)
    till.close()


def _letter(world: World, first: Client, member: str, tag: str) -> Callable[[Client], object]:
    if first.dice.random() < 0.5:
        given = first.dice.choice((10, 20, 30))
        operation = note(first, "adjustment", key=tag, subject=tag, member=member)
        return lambda clerk: adjust(clerk, member, given, tag, operation=operation)
    body = sale(world.number(), member, first.dice.randrange(100, 5_000), terminal="c", skew=1.0)
    operation = note(first, "purchase", key="", subject=receipt_of(body), member=member)
    return lambda clerk: clerk.insist(operation, "/v1/purchases", body, sold)


def _deliver(clerk: Client, letters: Sequence[Callable[[Client], object]]) -> None:
    for letter in letters:
        letter(clerk)
    clerk.close()


def _rich(world: World, wanted: int) -> str:
    """A new member with so many points."""
    member, tag = world.enrol(), f"gift-{world.number()}"
    clerk = world.client(tag, world.office)
    adjust(clerk, member, wanted, tag)
    clerk.close()
    return member


def _reward(world: World, tag: str, **more: int) -> str:
    offer = {"kind": "product", "name": {"en": tag}, "price": {"points": _PRICE}, **more}
    return str(world.make("/v1/rewards", offer)["reward_id"])


def _tills(world: World, tag: str) -> list[Client]:
    return [world.till(f"{tag}-{n}", n) for n in range(AT_ONCE)]


def _hold(till: Client, body: dict[str, Any], operation: Operation) -> None:
    _send(till, operation, "/v1/redemptions", {**body, "cashier": operation.subject}, held)


def _send(
    till: Client, operation: Operation, path: str, body: Any, reading: Callable[[Any], Result | None]
) -> None:
    till.insist(operation, path, body, reading)
    till.close()


def _used(reading: Callable[[Any], Result | None], price: int) -> Callable[[Any], Result | None]:
    """A used code's answer does not repeat the price."""

    def read(document: Any) -> Result | None:
        found = reading(document)
        return found and Result(found.id, -price)

    return read


def _record(world: World, tag: str, kind: Kind, raced: Sequence[Operation], *, wins: int) -> None:
    members = tuple(sorted({operation.member for operation in raced}))
    keys = tuple([operation.key for operation in raced])
    world.history.add(races=[Race(tag, members, keys, kind, wins)])


def _at_once(work: Sequence[Callable[[], object]]) -> None:
    """Everything at the same moment, each with a thread of its own."""
    gate = threading.Barrier(len(work))

    def run(task: Callable[[], object]) -> None:
        gate.wait(60)
        task()

    with ThreadPoolExecutor(len(work)) as threads:
        list(threads.map(run, work))
