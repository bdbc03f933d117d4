"""Days of draws from their commitment to their reveal: what the jobs do, and nobody else.

Nothing of it may be left out or done twice: days are committed and revealed in their order, under locks, and a day that
was not committed before it began has no draws at all.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.draws import queries, queries_reports, rules, rules_pacing
from loyalty_api.draws.queries import DayRow
from loyalty_api.draws.rules import NOTHING_BEFORE, Draw, Record
from loyalty_api.draws.service import open_record, sealed_for
from loyalty_api.rulekit.days import begins, local_day
from loyalty_api.vault import Vault

_WEEKS_BACK = 8


@dataclass(frozen=True, slots=True)
class Terms:
    """What the program says of the draws of a day: its odds tables by gift, and how long late receipts may come."""

    zone: ZoneInfo
    reveal_after: timedelta
    tables: Mapping[str, tuple[int, ...]]


TermsOf = Callable[[date], Terms | None]
"""The terms of a local day as they are known now; None where no gift hangs on a draw."""


def commit_ahead(
    session: Session,
    *,
    vault: Vault,
    zone: ZoneInfo,
    terms_of: TermsOf,
    now: datetime,
    new_seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
) -> list[date]:
    """Fix the records of the days ahead that are not fixed yet; which they are.

    The seed is drawn here and seen by nobody: it is sealed in the transaction that publishes its commitment.
    """
    connection = driver(session)
    newest = queries.newest(connection)
    if not rules.to_commit(now, zone, newest[0] if newest else None):
        return []
    queries.hold_chain(connection)
    newest = queries.newest(connection)
    previous = newest[1] if newest else NOTHING_BEFORE
    made = []
    for day in rules.to_commit(now, zone, newest[0] if newest else None):
        terms = terms_of(day)
        if terms is not None:
            previous = _commit(connection, vault, day, previous, terms, new_seed(), now)
            made.append(day)
    return made


def _commit(
    connection: Connection[TupleRow],
    vault: Vault,
    day: date,
    previous: str,
    terms: Terms,
    seed: bytes,
    now: datetime,
) -> str:
    ends = rules.ends(day, terms.zone)
    record = Record(day, previous, ends + terms.reveal_after, seed, terms.tables)
    sealed = vault.wrap(record.text.encode(), sealed_for(day))
    row = DayRow(
        day, previous, record.commitment, now, begins(day, terms.zone), ends, record.reveals_at,
        None, None, None, None, None, None, None, sealed,
    )  # fmt: skip
    queries.add_day(connection, row)
    return record.commitment


def close_days(session: Session, *, now: datetime) -> None:
    """Keep how many draws there were on the days that are over; late receipts may still add some."""
    queries.close(driver(session), now)


def reveal_next(session: Session, *, vault: Vault, now: datetime) -> date | None:
    """Reveal the earliest day whose time has come; None when there is none, or somebody draws on it just now.

    :raises Unreadable: its record does not open with the keys of this installation.
    """
    connection = driver(session)
    row = queries.to_reveal(connection, now)
    if row is None:
        return None
    record = open_record(vault, row)
    before = queries.digest_before(connection, row.day) or NOTHING_BEFORE
    counts: Counter[tuple[str, int, bool]] = Counter()
    digest = rules.digest(before, _counted(queries.stream(connection, row.day), counts))
    told = [
        {"gift": gift, "row": number, "draws": counts[gift, number, True] + counts[gift, number, False],
         "wins": counts[gift, number, True]}
        for gift, number in sorted({(gift, number) for gift, number, _ in counts})
    ]  # fmt: skip
    wins = sum([number for (_, _, won), number in counts.items() if won])
    revealed = replace(
        row, record=record.text, draws=counts.total(), wins=wins, counts=told, previous_digest=before,
        digest=digest, revealed_at=now,
    )  # fmt: skip
    queries.reveal(connection, revealed)
    return row.day


def _counted(draws: Iterator[Draw], counts: Counter[tuple[str, int, bool]]) -> Iterator[Draw]:
    for draw in draws:
        counts[draw.gift, draw.row, draw.won] += 1
        yield draw


def plan(session: Session, *, zone: ZoneInfo, gifts: list[str], now: datetime) -> bool:
    """Work out once a local day how many draws to expect of each gift, from the eight weeks before; whether it did."""
    connection = driver(session)
    today = local_day(now, zone)
    if not gifts or queries_reports.planned(connection, today):
        return False
    since = today - timedelta(weeks=_WEEKS_BACK)
    counted = queries_reports.traffic(
        connection, zone=zone.key, since=begins(since, zone), until=begins(today, zone),
        lately=today - timedelta(days=rules_pacing.LATELY),
    )  # fmt: skip
    if not counted:
        return False
    first = min(row[3] for row in counted)
    drawn = queries_reports.drawn(connection, gifts, since=since, until=today)
    hours = {(row[0], row[1]): row[2] for row in counted}
    made = []
    for gift in sorted(gifts):
        asked, began = drawn.get(gift, (0, today))
        of = _between(hours, began, today, first)
        traffic = rules_pacing.expected(
            hours,
            days=(today - first).days,
            lately=sum(row[4] for row in counted),
            asked=min(asked, of),
            of=of,
        )
        made.append((gift, today, {f"{day} {hour}": n for (day, hour), n in sorted(traffic.hours.items())}))
    queries_reports.plan(connection, made)
    return True


def _between(hours: Mapping[tuple[int, int], int], began: date, today: date, first: date) -> int:
    """How many of the counted purchases fell, at the pace of all of them, on the days on which a gift was drawn."""
    known = max(1, (today - first).days)
    return sum(hours.values()) * min(known, (today - began).days) // known
