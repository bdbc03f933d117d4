"""Reporting the purchases: one by one as the stores' tills, or whole days at a time as the back office.

Each member's purchases keep their order: households are shared out over the connections, each connection
sends what it was given one after the other, and the next day begins when all of them are done with this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from loyalty_api.demo.client import NDJSON, Answer, Connection, Credential, NoAnswer, Refused
from loyalty_api.demo.customers import Customers
from loyalty_api.demo.data import Payments, Purchase, card_number
from loyalty_api.demo.tally import Tally

BATCH = 2_000
_CUTS = 3
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Replay:
    """Everything a replay speaks through; ``tills`` by store; ``advance`` is told how many more are done.

    ``customers`` do more than buy, where points can be spent; ``move_clock`` is told how far time has come, in seconds
    since the Unix epoch.
    """

    connections: Sequence[Connection]
    tills: Mapping[int, Credential]
    office: Credential
    advance: Callable[[int], None]
    customers: Customers | None = None
    move_clock: Callable[[int], None] = lambda _: None

    def as_tills(self, *, days: Iterable[Sequence[Purchase]]) -> Tally:
        """Report each purchase by itself, as the till of its store. Raises NoAnswer and Refused."""
        return self._play(days, self._as_tills)

    def as_batches(self, *, days: Iterable[Sequence[Purchase]]) -> Tally:
        """Report whole days at a time, as the back office. Raises NoAnswer and Refused.

        Where points are spent a batch is one day, since what can be spent hangs on what the days before have brought.
        """
        return self._play(whole_days(days, most=0 if self.customers else BATCH), self._as_batch)

    def _play(
        self,
        days: Iterable[Sequence[Purchase]],
        report: Callable[[ThreadPoolExecutor, Sequence[Purchase], Tally], None],
    ) -> Tally:
        """One day, or several together, after the other: nothing of them is ahead of the clock.

        The clock stops at the midnight after, when the points of the last day are there to be tried.
        """
        tally, members, last = Tally(), set[int](), 0
        with ThreadPoolExecutor(len(self.connections)) as pool:
            for purchases in days:
                last = purchases[-1].seconds
                # Before the clock moves: a member draws only by seeds that were made after it joined.
                self._enrol(pool, members, purchases)
                self.move_clock(last + 1)
                report(pool, purchases, tally)
                self._bring_back(pool, purchases, tally)
        self.move_clock((last // _DAY + 1) * _DAY)
        return tally

    def _as_tills(self, pool: ThreadPoolExecutor, purchases: Sequence[Purchase], tally: Tally) -> None:
        for counted in pool.map(self._report, self.connections, self._shares(purchases)):
            tally.add(counted)

    def _as_batch(self, pool: ThreadPoolExecutor, purchases: Sequence[Purchase], tally: Tally) -> None:
        paid: dict[int, Payments | None] = {}
        for served, counted in pool.map(self._serve_all, self.connections, self._shares(purchases)):
            paid.update(served)
            tally.add(counted)
        self._send_batch([each.body(payments=paid[each.basket_id]) for each in purchases], tally)

    def _shares(self, purchases: Iterable[Purchase]) -> list[list[Purchase]]:
        """Share purchases out so that a household's all go over one connection, in their order."""
        shares: list[list[Purchase]] = [[] for _ in self.connections]
        for purchase in purchases:
            shares[purchase.household_id % len(shares)].append(purchase)
        return shares

    def _enrol(self, pool: ThreadPoolExecutor, members: set[int], purchases: Iterable[Purchase]) -> None:
        """Enrol the households that appear for the first time."""
        new = sorted({purchase.household_id for purchase in purchases} - members)
        members.update(new)
        count = len(self.connections)
        for _ in pool.map(self._enrol_all, self.connections, [new[start::count] for start in range(count)]):
            pass

    def _enrol_all(self, connection: Connection, households: Iterable[int]) -> None:
        for household_id in households:
            enrol(connection, office=self.office, household_id=household_id)

    def _report(self, connection: Connection, purchases: Iterable[Purchase]) -> Tally:
        tally = Tally()
        for purchase in purchases:
            body = purchase.body(payments=self._serve(connection, purchase, tally))
            answer = connection.call(
                method="POST",
                path="/v1/purchases",
                client=self.tills[purchase.store_id],
                body=orjson.dumps(body),
            )
            status, code = outcome(answer)
            tally.count(status=status, reference=str(purchase.basket_id), code=code)
            self.advance(1)
        return tally

    def _serve(self, connection: Connection, purchase: Purchase, tally: Tally) -> Payments | None:
        return self.customers.serve(connection, purchase, tally) if self.customers else None

    def _serve_all(
        self, connection: Connection, purchases: Iterable[Purchase]
    ) -> tuple[dict[int, Payments | None], Tally]:
        """What the tills do before a batch, by the basket's number."""
        tally = Tally()
        return {each.basket_id: self._serve(connection, each, tally) for each in purchases}, tally

    def _bring_back(self, pool: ThreadPoolExecutor, purchases: Sequence[Purchase], tally: Tally) -> None:
        """What comes back at the end of the day, when all that was bought is known."""
        if self.customers is None:
            return
        closing = partial(self._bring_back_all, self.customers, purchases[-1].seconds + 1)
        for counted in pool.map(closing, self.connections, self._shares(purchases)):
            tally.add(counted)

    def _bring_back_all(
        self, customers: Customers, closing: int, connection: Connection, purchases: Iterable[Purchase]
    ) -> Tally:
        tally = Tally()
        for purchase in purchases:
            customers.bring_back(connection, purchase, tally, closing=closing)
        return tally

    def _send_batch(self, bodies: Iterable[Mapping[str, Any]], tally: Tally) -> None:
        items = [orjson.dumps({"type": "purchase", "body": body}) for body in bodies]
        for result in self._batch_results(items):
            tally.count(status=result["status"], reference=str(result["reference"]), code=result.get("code"))
        self.advance(len(items))

    def _batch_results(self, items: Sequence[bytes]) -> list[dict[str, Any]]:
        """One result for each item. An answer that was cut is asked for again, with the whole batch."""
        for _ in range(_CUTS):
            answer = self.connections[0].call(
                method="POST",
                path="/v1/batch",
                client=self.office,
                body=b"\n".join(items) + b"\n",
                content_type=NDJSON,
            )
            if answer.status != 200:
                raise Refused(f"The batch was refused: {answer.status} {answer.document().get('code')}.")
            results = [orjson.loads(line) for line in answer.body.splitlines() if line]
            if len(results) == len(items):
                return results
        raise NoAnswer(f"The answer to a batch was cut {_CUTS} times.")


def whole_days(days: Iterable[Sequence[Purchase]], *, most: int) -> Iterator[list[Purchase]]:
    """Put days together while they hold no more than ``most`` purchases; a day is never split."""
    together: list[Purchase] = []
    for day in days:
        if together and len(together) + len(day) > most:
            yield together
            together = []
        together = [*together, *day]
    if together:
        yield together


def outcome(answer: Answer) -> tuple[str, str | None]:
    """What became of one reported purchase: its status as a batch would say it, and the code of a refusal."""
    if answer.status == 201:
        return ("duplicate" if answer.replayed else "created"), None
    return "rejected", str(answer.document().get("code", answer.status))


def enrol(connection: Connection, *, office: Credential, household_id: int) -> None:
    """Make a member of a household, known by its card alone; one that is enrolled already stays as it is.

    Raises Refused when the API answers anything else.
    """
    card = card_number(household_id=household_id)
    answer = connection.call(
        method="POST",
        path="/v1/members",
        client=office,
        body=orjson.dumps({"language": "en", "identifiers": [{"kind": "card", "value": card}]}),
        key=f"demo-enrol-{card}",
    )
    code = answer.document().get("code")
    if answer.status != 201 and code != "identifier_in_use":
        raise Refused(f"Card {card} could not be enrolled: {answer.status} {code}.")
