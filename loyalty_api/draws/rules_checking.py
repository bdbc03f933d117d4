"""Checking a whole day of draws from what is published of it, and from nothing else. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from loyalty_api.draws.rules import Draw, Record, digest, read_record, ticket

_SHOWN = 20


@dataclass(slots=True)
class Findings:
    """What a check came to: how many draws were repeated, how many won, and what is wrong (at most 20 of it)."""

    draws: int = 0
    wins: int = 0
    faults: list[str] = field(default_factory=list)
    wrong: int = 0

    def add(self, fault: str) -> None:
        """Note what is wrong."""
        self.wrong += 1
        if len(self.faults) < _SHOWN:
            self.faults.append(fault)


def check_day(day: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> Findings:
    """Repeat every draw of a revealed day: ``day`` and ``records`` as the API serves them."""
    findings = Findings()
    record = _record(day, findings)
    if record is None:
        return findings
    counts: Counter[tuple[str, int, bool]] = Counter()
    draws = _draws(record, records, counts, findings)
    if digest(str(day.get("previous_digest")), draws) != day.get("digest"):
        findings.add("The list of draws is not the one whose digest was published.")
    _compare(day, counts, findings)
    findings.draws = sum(counts.values())
    findings.wins = sum(number for (_, _, won), number in counts.items() if won)
    if (findings.draws, findings.wins) != (day.get("draws"), day.get("wins")):
        findings.add("The totals of the day are not those of its draws.")
    return findings


def check_chain(days: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with commitments and digests from day to day; ``days`` in their order."""
    faults, before, revealed = [], None, None
    for day in days:
        if before is not None and day["previous"] != before["commitment"]:
            faults.append(
                f"{day['day']} does not follow from {before['day']}: its previous is another commitment."
            )
        if day.get("digest"):
            if revealed is not None and day["previous_digest"] != revealed["digest"]:
                faults.append(f"{day['day']} does not follow from the draws of {revealed['day']}.")
            revealed = day
        before = day
    return faults


def _record(day: Mapping[str, Any], findings: Findings) -> Record | None:
    text = day.get("record")
    if not isinstance(text, str):
        findings.add("The day is not revealed.")
        return None
    if sha256(text.encode()).hexdigest() != day.get("commitment"):
        findings.add("The record is not the one that was committed.")
        return None
    try:
        record = read_record(text)
    except ValueError as error:
        findings.add(str(error))
        return None
    if record.day.isoformat() != day.get("day") or record.previous != day.get("previous"):
        findings.add("The record is another day's.")
    return record


def _draws(
    record: Record,
    records: Iterable[Mapping[str, Any]],
    counts: Counter[tuple[str, int, bool]],
    findings: Findings,
) -> Iterable[Draw]:
    """The draws as they go by, each repeated and counted."""
    last = ("", "")
    for said in records:
        draw = Draw(said["gift"], said["mark"], said["row"], said["ticket"], said["won"])
        if (draw.gift, draw.mark) <= last:
            findings.add(f"{draw.mark} is out of order or stands there twice.")
        last = (draw.gift, draw.mark)
        rows = record.tables.get(draw.gift, ())
        if not 0 <= draw.row < len(rows):
            findings.add(f"{draw.mark}: the odds table has no row {draw.row} for {draw.gift}.")
        elif ticket(seed=record.seed, mark=draw.mark) != draw.ticket:
            findings.add(f"{draw.mark}: its ticket is another one.")
        elif draw.won != (draw.ticket < rows[draw.row]):
            findings.add(f"{draw.mark}: it should have {'lost' if draw.won else 'won'}.")
        counts[draw.gift, draw.row, draw.won] += 1
        yield draw


def _compare(day: Mapping[str, Any], counts: Counter[tuple[str, int, bool]], findings: Findings) -> None:
    said = {(one["gift"], one["row"]): (one["draws"], one["wins"]) for one in day.get("counts", ())}
    found = {
        (gift, row): (counts[gift, row, True] + counts[gift, row, False], counts[gift, row, True])
        for gift, row, _ in counts
    }
    if said != found:
        findings.add("The counts of the day are not those of its draws.")
