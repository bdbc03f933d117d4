"""The long form: a million draws against the odds, and a year of a paced budget over real traffic. ``make draws``."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from loyalty_api.demo import data
from loyalty_api.draws.rules import below, odds_table
from loyalty_api.draws.rules_simulating import Course, Plan, simulate
from tests.draws.luck import SEED, tally

_DRAWS = 1_000_000
_TABLE = odds_table(Fraction(1, 400), Fraction(1, 50), Fraction(1, 5))


def first_of_day() -> list[datetime]:
    """When each household of the demo's year first bought on each of its days."""
    found: dict[tuple[int, object], datetime] = {}
    for purchases in data.purchases_by_day(days=366):
        for purchase in purchases:
            at = datetime.fromtimestamp(purchase.seconds, UTC)
            key = (purchase.household_id, at.date())
            found[key] = min(at, found.get(key, at))
    return sorted(found.values())


def year(arrivals: list[datetime]) -> Course:
    """A budget for one draw in fifty, over all of the year behind its first eight weeks."""
    begin = arrivals[0] + timedelta(weeks=8)
    before = [at for at in arrivals if at < begin]
    after = [at for at in arrivals if at >= begin]
    plan = Plan(
        budget=len(after) // 50 * 500, cost=500, table=_TABLE, base=below(Fraction(1, 50)),
        last=after[-1].date(), zone=ZoneInfo("UTC"),
    )  # fmt: skip
    return simulate(plan, after, before=before, seed=SEED)


def main() -> None:
    """Say what it came to; fail where it is not as promised."""
    began = time.monotonic()
    found = tally(_TABLE, number=_DRAWS)
    print(f"{_DRAWS} draws: chi-square {found.statistic:.2f} of {found.freedom}, p {found.p:.4f}", flush=True)  # noqa: T201
    assert found.p is not None
    assert 0.001 < found.p < 0.999, "a million draws do not follow the odds"
    course = year(first_of_day())
    last = max(course.spent_by_day)
    dry = "never dry" if course.dry_since is None else f"dry since {course.dry_since}"
    print(f"{course.spent} of {course.budget} spent, {course.draws} draws, {course.wins} wins, {dry}")  # noqa: T201
    assert course.budget * 95 <= course.spent * 100, "less than 95 % were spent"
    assert course.dry_since is None or course.dry_since.date() == last, "it ran dry too early"
    print(f"{time.monotonic() - began:.0f} s")  # noqa: T201


if __name__ == "__main__":
    main()
