"""The checker finds what it is there for: each kind of breach is planted in a log, and is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.faults.checker import Breach, Effect, Truth, check
from tests.faults.history import Attempt, Fault, History, Operation, Race, Read, Result, outages

ANNA = "mbr_anna"


def told(at: float, result: Result, *, client: str = "till") -> Attempt:
    return Attempt(client, at, at + 0.1, 201, None, result)


def refused(at: float, code: str = "insufficient_points") -> Attempt:
    return Attempt("till", at, at + 0.1, 409, code)


def nothing(at: float) -> Attempt:
    return Attempt("till", at, at + 0.1, 0)


def sale(number: int, *attempts: Attempt, abandoned: bool = False) -> Operation:
    return Operation("purchase", f"key-{number}", f"R{number}", ANNA, list(attempts), abandoned)


def there(number: int, points: int = 10, version: int = 0) -> Effect:
    return Effect("purchase", f"R{number}", f"pur_{number}", ANNA, points, version or number)


def look(at: float, version: int, total: int | None) -> Read:
    return Read("app", ANNA, at, at + 0.1, version, total)


def log(
    operations: Iterable[Operation] = (), reads: Iterable[Read] = (), races: Iterable[Race] = ()
) -> History:
    history = History()
    history.operations += operations
    history.reads += reads
    history.races += races
    return history


def truth(*effects: Effect, broken: tuple[str, ...] = ()) -> Truth:
    """A database with these effects, in their order, and the fold of them."""
    total, totals = 0, []
    for effect in effects:
        total += effect.points
        totals.append((effect.version or 0, total))
    return Truth(effects, {ANNA: totals} if totals else {}, broken)


def kinds(breaches: Iterable[Breach]) -> set[str]:
    return {breach.kind for breach in breaches}


FIRST, SECOND = Result("pur_1", 10), Result("pur_2", 10)


def test_what_was_done_as_it_was_told_is_no_breach() -> None:
    history = log(
        [
            sale(1, nothing(1), told(2, FIRST), told(3, FIRST, client="another till")),
            sale(2, refused(3)),
            sale(3, nothing(4), abandoned=True),
            sale(4, nothing(5), abandoned=True),
        ],
        [look(0, 0, 0), look(2.05, 0, 0), look(3, 1, 10), look(4, 4, 20), look(5, 4, None)],
    )
    assert check(history, truth(there(1), there(4))) == []


def test_an_acknowledged_operation_that_is_not_there_is_lost() -> None:
    breaches = check(log([sale(1, told(1, FIRST))]), truth())
    assert kinds(breaches) == {"lost"}
    assert "purchase R1 of mbr_anna (key key-1) -> 201 pur_1 +10" in breaches[0].history[0]


@pytest.mark.parametrize("found", [Result("pur_1", 9), Result("pur_9", 10)])
def test_what_is_there_is_what_was_acknowledged(found: Result) -> None:
    made = replace(there(1), id=found.id, points=found.points)
    assert "lost" in kinds(check(log([sale(1, told(1, FIRST))]), truth(made)))


def test_two_effects_of_one_receipt_are_double() -> None:
    both = truth(there(1), replace(there(1), id="pur_2", version=2))
    assert kinds(check(log([sale(1, told(1, FIRST))]), both)) == {"double"}
    assert kinds(check(log([sale(1, nothing(1), abandoned=True)]), both)) == {"double"}


def test_two_answers_to_one_key_are_double() -> None:
    assert "double" in kinds(check(log([sale(1, told(1, FIRST), told(2, SECOND))]), truth(there(1))))
    assert "double" in kinds(check(log([sale(1, told(1, FIRST), refused(2))]), truth(there(1))))


def test_two_keys_that_both_used_one_thing_are_double() -> None:
    uses = [
        Operation("capture", key, "red_1", ANNA, [told(1, Result("red_1", 0))]) for key in ("one", "other")
    ]
    assert kinds(check(log(uses), truth(Effect("capture", "red_1", "red_1", ANNA, 0)))) == {"double"}


def test_what_was_refused_or_never_asked_for_must_not_be_there() -> None:
    assert kinds(check(log([sale(1, refused(1))]), truth(there(1)))) == {"double"}
    assert kinds(check(log(), truth(there(1)))) == {"double"}


def test_a_read_older_than_an_acknowledged_write_is_stale() -> None:
    history = log([sale(1, told(1, FIRST))], [look(1.05, 0, 0), look(2, 0, 0)])
    breaches = check(history, truth(there(1)))
    assert kinds(breaches) == {"stale"}
    [breach] = breaches
    assert "version 1" in breach.history[0]
    assert breach.history[1].endswith("version 0, 0 points")


def test_a_read_older_than_another_that_had_returned_is_stale() -> None:
    sales = [sale(1, nothing(1), abandoned=True)]
    assert check(log(sales, [look(1, 1, 10), look(1.05, 0, 0)]), truth(there(1))) == []
    assert kinds(check(log(sales, [look(1, 1, 10), look(2, 0, 0)]), truth(there(1)))) == {"stale"}
    assert kinds(check(log(sales, [look(1, 1, 10), look(2, 0, None)]), truth(there(1)))) == {"stale"}


def test_a_read_that_shows_another_state_than_its_versions_is_stale() -> None:
    assert kinds(check(log([sale(1, told(1, FIRST))], [look(2, 1, 0)]), truth(there(1)))) == {"stale"}


def raced(wins: int, unknown: int = 0) -> History:
    operations = [
        Operation(
            "hold", f"k{n}", f"k{n}", ANNA, [told(1, Result(f"red_{n}", 0))] if n < wins else [refused(1)]
        )
        for n in range(8)
    ]
    for operation in operations[wins : wins + unknown]:
        operation.attempts[:], operation.abandoned = [nothing(1)], True
    return log(operations, races=[Race("points", (ANNA,), tuple(o.key for o in operations), "hold", 3)])


def taken(number: int) -> Truth:
    return Truth([Effect("hold", f"k{n}", f"red_{n}", ANNA, 0) for n in range(number)], {})


def test_a_race_has_exactly_as_many_winners_as_there_are_points() -> None:
    assert check(raced(3), taken(3)) == []
    assert check(raced(2, unknown=1), taken(3)) == []
    assert kinds(check(raced(4), taken(4))) == {"overspent"}
    assert kinds(check(raced(2), taken(2))) == {"overspent"}


def test_points_that_come_from_nowhere_are_unbalanced() -> None:
    effects = truth(there(1))
    assert kinds(check(log([sale(1, told(1, FIRST))]), replace(effects, totals={ANNA: [(1, 11)]}))) == {
        "unbalanced"
    }


def test_a_mistake_of_ours_an_odd_refusal_and_no_answer_at_all_are_breaches() -> None:
    assert "server_error" in kinds(check(log([sale(1, Attempt("till", 1, 2, 500), refused(3))]), truth()))
    assert kinds(check(log([sale(1, refused(1, "validation_failed"))]), truth())) == {"refused"}
    assert kinds(check(log([sale(1, nothing(1))]), truth())) == {"unavailable"}


def test_what_verify_found_is_a_breach() -> None:
    assert kinds(check(log(), truth(broken=("I1 the ledger sums to zero",)))) == {"invariant"}


def test_an_outage_lasts_until_everybody_is_served_again() -> None:
    history = log()
    for client, moments in {"till": (1.0, 6.5), "app": (5.2, 9.0), "gone": (1.0,)}.items():
        for moment in moments:
            history.answered(client, moment - 0.1, moment)
    history.add(faults=[Fault("cut", 2.0, 5.0), Fault("cut", 0.0, 0.5)])
    assert outages(history) == {"cut": 4.7}
