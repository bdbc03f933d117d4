"""The whole real year through a draft: purchases a second on one core, on all of them, and the memory it takes.

The year is stored as tills would have stored it, decided by the full demo program: that is the other side of the
back-test. The draft is the same program with one bonus more, so every purchase is rated again. The ceiling is a pass
that reads and decodes the same purchases and rates none. CPU seconds of the replaying process stand beside the clock's,
for the clock tells of neighbours, too.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import meter
from benchmarks.figures import Figure, master
from benchmarks.place import clean_environment
from loyalty_api import engines, ids, migrating
from loyalty_api.db import Database
from loyalty_api.demo import data
from loyalty_api.demo import run as demo
from loyalty_api.program.rules_document import canonical, fingerprint
from loyalty_api.publishing import queries_replay as queries
from loyalty_api.publishing.loading import Loader
from loyalty_api.publishing.queries_replay import Span
from loyalty_api.publishing.replaying import FIRST, MEMBERS_AT_ONCE, Plan, Replay
from loyalty_api.publishing.running import carry_out
from loyalty_api.purchases.booking import line_rows
from loyalty_api.purchases.queries import LINES, PURCHASES, MemberRow
from loyalty_api.purchases.rules import basket_of
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rows import dump
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_LEAST, _MOST_MEGABYTES = 3_000.0, 400.0
_FACTS = Facts(Member())
_BONUS = {
    "id": "weekend",
    "kind": "bonus",
    "points_per": {"points": 1, "amount": 200},
    "when": {"days": ["sat", "sun"]},
}


def backtest(*, days: int = data.ALL_DAYS) -> list[Figure]:
    """Store the year, then replay it: with one process, with one a core, and only reading it."""
    document = json.loads((Path(demo.__file__).parent / "full.json").read_text())
    with ExitStack() as stack:
        folder = stack.enter_context(clean_environment())
        running = stack.enter_context(engines.start(data_dir=folder))
        meter.count_database(folder)
        owner_url, app_url = engines.ensure_database(running, "backtest")
        migrating.upgrade(owner_url=owner_url, app_url=app_url)
        with psycopg.connect(owner_url) as connection:
            bought = store(connection, compile_program(document, version=1), days=days)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
        plan = plan_of_year(document)
        return _figures(app_url, plan, bought)


def plan_of_year(document: dict[str, Any]) -> Plan:
    """Everything up to now, all of it decided by version 1."""
    earn = {**document["earn"], "rules": [*document["earn"]["rules"], _BONUS]}
    draft = {**document, "earn": earn}
    versions = ((data.FIRST_DAY, 1, canonical(document).decode()),)
    span = Span(data.FIRST_DAY, data.FIRST_DAY + timedelta(days=data.ALL_DAYS + 1), _NOW)
    return Plan(canonical(draft).decode(), fingerprint(draft), versions, span)


def _figures(url: str, plan: Plan, bought: int) -> list[Figure]:
    cores = len(os.sched_getaffinity(0))
    read, _ = _timed(lambda: _only_read(url, plan))
    busy = time.process_time()
    one, first = _timed(lambda: carry_out(url, plan, keep=lambda _: True, processes=1))
    busy = time.process_time() - busy
    all_cores, second = _timed(lambda: carry_out(url, plan, keep=lambda _: True, processes=cores))
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    if first != second or first is None or first["purchases"] != bought:
        raise RuntimeError("Two runs of one back-test differ.")
    more = {
        "purchases": bought, "seconds": one, "cpu_seconds": busy,
        "read_only_seconds": read, "seconds_on_all_cores": all_cores,
        "cores": cores, "per_second_on_all_cores": bought / all_cores, "load": os.getloadavg(),
        "difference": first["totals"],
    }  # fmt: skip
    return [
        Figure(
            "backtest",
            "the year through the full demo program ÷ only reading it (1 process)",
            read / one,
            None,
            more=more,
        ),
        Figure(
            "backtest_rate",
            "purchases replayed a second by one process, at least 3,000",
            _LEAST * one / bought,
            1.0,
            "times too slow",
        ),
        Figure(
            "backtest_memory",
            "the same, peak memory of a process that replays",
            child,
            _MOST_MEGABYTES,
            "MB",
        ),
    ]


def _timed(run: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def _only_read(url: str, plan: Plan) -> int:
    """Read and decode every purchase on both sides, and rate none; how many there were."""
    replay, found, after = Replay(plan), 0, FIRST
    before, drafted = (Versions.always(replay.draft) for _ in range(2))
    database = Database(url, threads=1)
    while True:
        with database.snapshot() as connection:
            rows = queries.members(connection, after=after, limit=MEMBERS_AT_ONCE)
            if not rows:
                break
            loader = Loader(connection, plan.span, before=before, after=drafted, draft=replay.draft)
            lived = loader.lived([MemberRow(*row) for row in rows])
        found += sum(len(each.events) for each in lived.values())
        after = rows[-1][0]
    database.close()
    return found


def store(connection: psycopg.Connection[Any], program: Program, *, days: int) -> int:
    """Store the first days of the year as they were decided by ``program``; how many purchases."""
    window = data.window(days=days)
    known = dict(master(window.products))
    members: dict[int, UUID] = {}
    count = 0
    for today in data.purchases_by_day(days=days):
        rows, lines = [], []
        for purchase in today:
            member_id = members.setdefault(purchase.household_id, ids.new())
            body = purchase.body() | {"channel": "store", "tax_included": True}
            basket = basket_of(body, known, time_zone="UTC")
            at = datetime.fromtimestamp(purchase.seconds, UTC)
            decision = evaluate(basket, _FACTS, program, at)
            row = _row(body, member_id, at, len(basket.lines), purchase.paid, decision)
            rows.append(row)
            lines += line_rows(row, basket, body["lines"], decision)
        _copy(connection, PURCHASES, rows)
        _copy(connection, LINES, lines)
        count += len(today)
    connection.cursor().executemany(
        "INSERT INTO members (member_id, kind, status, version, draw_token, enrolled_at, created_by, updated_at)"
        " VALUES (%s, 'person', 'active', 0, decode(repeat('00', 16), 'hex'), %s, 'bench', %s)",
        [(member_id, data.FIRST_DAY, data.FIRST_DAY) for member_id in members.values()],
    )
    return count


def _row(
    body: dict[str, Any], member_id: UUID, at: datetime, lines: int, paid: int, decision: Any
) -> dict[str, Any]:
    return {
        "member_id": member_id, "purchase_id": ids.new(), "store_id": body["store"], "terminal": "1",
        "business_date": body["business_date"], "reference": body["reference"], "kind": "sale",
        "channel": "store", "status": "recorded", "match": "identified", "occurred_at": at, "utc_offset": 0,
        "recorded_at": at, "currency": body["currency"], "total": paid, "paid": paid, "line_count": lines,
        "client_id": "bench", "cashier": None, "person_id": None, "program_version": 1,
        "points_base": decision.points(award="base"), "points_bonus": decision.points(award="bonus"),
        "receipt": {"tax_included": True, "payments": body["payments"]}, "facts": facts_to_json(_FACTS),
        "decision": decision_to_json(decision), "outcome": {"discrepancies": [], "quoted": None},
    }  # fmt: skip


def _copy(connection: psycopg.Connection[Any], table: Any, rows: Sequence[dict[str, Any]]) -> None:
    with connection.cursor().copy(f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN") as copy:
        for values in _values(table.columns, rows):
            copy.write_row(values)


def _values(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Iterator[list[Any]]:
    for row in rows:
        found = [row[column] for column in columns]
        yield [
            dump(value) if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
            else list(value) if isinstance(value, tuple) else value
            for value in found
        ]  # fmt: skip
