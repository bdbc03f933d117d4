"""``loyalty program backtest``: a draft, or a file, held against what members really bought, in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loyalty_api.operations.here import moment_of, open_here

if TYPE_CHECKING:
    from loyalty_api.db import Database
    from loyalty_api.publishing.replaying import Plan
    from loyalty_api.publishing.running import Progress


@click.command()
@click.argument("draft", metavar="FILE|DRAFT")
@click.option(
    "--from", "starts", metavar="TIME", required=True, help="The first moment: 2026-09-01T00:00:00+02:00."
)
@click.option("--to", "ends", metavar="TIME", required=True, help="Up to, and without, this moment.")
@click.option("--sample", type=click.IntRange(1, 100), help="Of a hundred members look at so many.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def backtest(*, draft: str, starts: str, ends: str, sample: int | None, as_json: bool) -> None:
    """Replay real purchases through a program in FILE, or through a DRAFT (prv_…); Ctrl-C ends it.

    Nothing is written: a back-test that the gate of publishing is to count is asked for over HTTP.
    """
    from loyalty_api.db import Database
    from loyalty_api.operations.place import ensure_schema

    window = moment_of(starts), moment_of(ends)
    with open_here() as place:
        ensure_schema(place)
        database = Database(place.settings.database_url)
        try:
            plan = _plan(database, draft, window, sample, sandbox=place.settings.sandbox)
            found = _carried_out(database, plan)
        finally:
            database.close()
    if not found["purchases"]:
        raise click.ClickException("Nobody bought anything in this window that was rated.")
    if as_json:
        import orjson

        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(_told(found)))


def _plan(
    database: Database, draft: str, window: tuple[datetime, datetime], sample: int | None, *, sandbox: bool
) -> Plan:
    from loyalty_api.clock import machine_now
    from loyalty_api.publishing.backtests import plan_of
    from loyalty_api.sandbox.service import business_time

    machine = machine_now()
    now = business_time(database, machine=machine) if sandbox else machine
    with database.unit_of_work() as session:
        document = _document(draft, session)
        return plan_of(
            session, document=document, starts=window[0], ends=window[1], sample=sample, now=now
        )  # fmt: skip


def _document(draft: str, session: Any) -> Mapping[str, Any]:
    """The document of a file or of a stored draft. Raises DocumentFaulty, VersionUnknown."""
    import orjson

    from loyalty_api import ids
    from loyalty_api.program.service import DocumentFaulty, VersionUnknown, find_draft
    from loyalty_api.rating.rules_program import check_document

    if not draft.startswith("prv_"):
        try:
            document = orjson.loads(Path(draft).read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise click.BadParameter(f"{draft}: {error}") from error
        faults = check_document(document)
        if faults:
            raise DocumentFaulty(f"{len(faults)} faults.", errors=faults)
        found: Mapping[str, Any] = document
        return found
    draft_id = ids.read("prv", draft)
    if draft_id is None:
        raise VersionUnknown
    return find_draft(session, draft_id=draft_id).document


def _carried_out(database: Database, plan: Plan) -> dict[str, Any]:
    from loyalty_api.publishing.running import carry_out, total

    with click.progressbar(length=total(database.url, plan), label="Replaying", file=sys.stderr) as bar:
        found = carry_out(database.url, plan, keep=_showing(bar))
    return found or {}


def _showing(bar: Any) -> Callable[[Progress], bool]:
    def keep(progress: Progress) -> bool:
        bar.update(progress.done - bar.pos)
        return True

    return keep


def _told(found: Mapping[str, Any]) -> list[str]:
    """The result in a few lines."""
    totals, affected, owed = found["totals"], found["affected"], found["liability"]
    lines = [
        f"{found['purchases']} purchases of {found['members']} members, {found['returns']} returns",
        f"Points      {_worth(totals)}",
        f"Still owed  {_worth(owed)}",
        f"Members     {affected['gaining']} gain, {affected['losing']} lose, {affected['unchanged']} neither",
    ]
    lines += [f"  {row['rule']:30} {_worth(row)}" for row in found["by_rule"]]
    lines += [f"Gift        {row['gift']:30} {_given(row)}" for row in found["by_gift"]]
    lines += [
        f"  {move['from'] or 'no level'} → {move['to'] or 'no level'}: {move['members']} members"
        for move in found["tier_moves"]
    ]
    sure = found["confidence"]
    if sure and sure["low"] is not None:
        between = f"between {sure['low']:+} and {sure['high']:+}"
        lines.append(f"For all {sure['of']} members {sure['points_difference']:+} points, {between} (95 %)")
    if found["in_time_order"]:
        lines.append("Members share a budget, so everything was replayed in the order of time.")
    if "chances_are_simulated" in found["notes"]:
        lines.append("Chances are simulated: they are not the draws that were made.")
    return [*lines, "Behaviour does not react: members bought what they bought."]


def _given(row: Mapping[str, Any]) -> str:
    """What was given by a gift rule on either side, and what that costs."""
    cost, points = row["cost_after"] - row["cost_before"], row["points_after"] - row["points_before"]
    more = (f", {cost:+} in money" if cost else "") + (f", {points:+} points" if points else "")
    return f"{row['granted_before']} → {row['granted_after']}{more}"


def _worth(row: Mapping[str, Any]) -> str:
    cost = "" if row["cost_difference"] is None else f", {row['cost_difference']:+} in money"
    return f"{row['points_before']} → {row['points_after']} ({row['points_difference']:+}{cost})"
