"""Reporting the purchases: one by one as the stores' tills, or whole days at a time as the back office.

Each member's purchases keep their order: households are shared out over the connections, each connection
sends what it was given one after the other, and the next day begins when all of them are done with this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson

from loyalty_api.demo.client import NDJSON, Answer, Connection, Credential, NoAnswer, Refused
from loyalty_api.demo.data import Purchase, card_number

BATCH = 2_000
_CUTS = 3


@dataclass(slots=True)
class Tally:
    """What was answered: how many of each outcome, and the first problems in words."""

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def count(self, *, status: str, reference: str, code: str | None = None) -> None:
        """Add one answer; ``status`` is one of created, duplicate, waiting, rejected."""
        self.outcomes[status] += 1
        if status == "rejected" and len(self.problems) < 5:
            self.problems.append(f"purchase {reference}: {code}")

    def add(self, other: Tally) -> None:
        """Take over what another connection counted."""
        self.outcomes.update(other.outcomes)
        self.problems = [*self.problems, *other.problems][:5]


@dataclass(frozen=True, slots=True)
class Replay:
    """Everything a replay speaks through; ``tills`` by store; ``advance`` is told how many more are done."""

    connections: Sequence[Connection]
    tills: Mapping[int, Credential]
    office: Credential
    advance: Callable[[int], None]

    def as_tills(self, *, days: Iterable[Sequence[Purchase]]) -> Tally:
        """Report each purchase by itself, as the till of its store. Raises NoAnswer and Refused."""
        tally, members = Tally(), set[int]()
        with ThreadPoolExecutor(len(self.connections)) as pool:
            for day in days:
                self._enrol(pool, members, day)
                for counted in pool.map(self._report, self.connections, self._shares(day)):
                    tally.add(counted)
        return tally

    def as_batches(self, *, days: Iterable[Sequence[Purchase]]) -> Tally:
        """Report whole days at a time, as the back office. Raises NoAnswer and Refused."""
        tally, members = Tally(), set[int]()
        with ThreadPoolExecutor(len(self.connections)) as pool:
            for purchases in whole_days(days, most=BATCH):
                self._enrol(pool, members, purchases)
                self._send_batch(purchases, tally)
        return tally

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
            answer = connection.call(
                method="POST",
                path="/v1/purchases",
                client=self.tills[purchase.store_id],
                body=orjson.dumps(purchase.body()),
            )
            status, code = outcome(answer)
            tally.count(status=status, reference=str(purchase.basket_id), code=code)
            self.advance(1)
        return tally

    def _send_batch(self, purchases: Sequence[Purchase], tally: Tally) -> None:
        items = [orjson.dumps({"type": "purchase", "body": purchase.body()}) for purchase in purchases]
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
