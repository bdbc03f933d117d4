"""Balances and statements as they are shown. What time has done since the last write is worked out, not stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.errors import NotFound
from loyalty_api.language import Catalogue, rate_text
from loyalty_api.ledger import queries, rules
from loyalty_api.ledger.rules import Account, Balance, Lot
from loyalty_api.program.rules import Settings
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Rate

NOTHING = Balance()
_SOONEST = timedelta(microseconds=1)
# How the id of what an entry comes from begins; other causes have no address of their own.
_PREFIXES = {
    "purchase": "pur",
    "correction": "pur",
    "redemption": "red",
    "adjustment": "adj",
    "event": "evn",
    "gift": "gft",
    "release": "pur",
    "return": "ret",
    "return_void": "ret",
}
_BESIDE_BUYING = ("event", "gift", "period")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's account as of a moment, with the version it is the state at."""

    member_id: UUID
    version: int
    account: Account

    @property
    def valid_until(self) -> datetime | None:
        """When time alone changes it next."""
        return self.account.balance.next_due_at


def instant(moment: datetime) -> int:
    """Microseconds since 1970: to the second, two changes within one would look like one."""
    return (moment - _EPOCH) // _SOONEST


def shown(connection: Connection[TupleRow], member_id: UUID, now: datetime) -> Shown:
    """The account as of ``now``; read it in one snapshot. Lots are read only where time or expiry makes them matter.

    :raises NotFound: there is none.
    """
    row = connection.execute(queries.BALANCE_OF, (member_id,), prepare=True).fetchone()
    if row is None:
        raise NotFound("There is no such member.")
    return of_row(connection, member_id, row, now)


def of_row(connection: Connection[TupleRow], member_id: UUID, row: TupleRow, now: datetime) -> Shown:
    """The account whose balance was read as ``row`` (``queries.BALANCE_OF``)."""
    account = account_of_row(row)
    if account.balance.next_due_at is not None:
        lots = queries.lots_of(connection, [member_id])[member_id]
        holds = queries.holds_of(connection, [member_id])[member_id] if account.balance.held else {}
        account = Account(account.balance, lots, holds)
    return Shown(member_id, row[0], rules.overdue(account, now)[1])


def balance_is_due(connection: Connection[TupleRow], member_id: UUID, now: datetime) -> bool:
    """Whether time has changed something of the member's that is not booked yet.

    :raises NotFound: there is no such member.
    """
    row = connection.execute(queries.BALANCE_OF, (member_id,), prepare=True).fetchone()
    if row is None:
        raise NotFound("There is no such member.")
    return row[-1] is not None and bool(row[-1] <= now)


def version_of(connection: Connection[TupleRow], member_id: UUID) -> int:
    """The member's version now, which everything that is shown of the member raises; 0 when there is none."""
    row = connection.execute(queries.BALANCE_OF, (member_id,), prepare=True).fetchone()
    return int(row[0]) if row else 0


def account_of_row(row: TupleRow) -> Account:
    """The account whose balance was read as ``row``, without its lots; a member without a balance has nothing."""
    return Account(Balance(*row[1:]) if row[1] is not None else NOTHING)


def balance_document(found: Shown, *, now: datetime, program: Settings | None) -> dict[str, Any]:
    """The balance as the API shows it: points now, what becomes usable next, what expires when."""
    balance, lots = found.account.balance, found.account.lots.values()
    zone = program.zone if program else ZoneInfo("UTC")
    return {
        "member_id": ids.show("mbr", found.member_id),
        "available": balance.available,
        "pending": balance.pending,
        "held": balance.held,
        "debt": balance.debt,
        "worth": _worth(balance.available, program),
        "pending_next": _pending_next(lots),
        "expiring": _expiring(lots, zone),
        "lifetime": {
            "earned": balance.earned,
            "spent": balance.spent,
            "expired": balance.expired,
            "adjusted": balance.adjusted,
        },
        "tier": None,
        "version": found.version,
        "as_of": now,
        "valid_until": found.valid_until,
    }


def _worth(available: int, program: Settings | None) -> dict[str, Any] | None:
    """What the points buy at the program's price, in whole steps; None where points do not pay."""
    rate = program.sections["redeem"].get("rate") if program else None
    if not rate or not program:
        return None
    step = rate.get("step") or rate["points"]
    points = available // step * step
    return {
        "points": points,
        "amount": points * rate["amount"] // rate["points"],
        "currency": program.currency,
    }


def _pending_next(lots: Any) -> dict[str, Any] | None:
    waiting = [lot for lot in lots if lot.pending and lot.available_at and not _dies_first(lot)]
    if not waiting:
        return None
    first = min(lot.available_at for lot in waiting)
    return {"points": sum(lot.pending for lot in waiting if lot.available_at == first), "available_at": first}


def _dies_first(lot: Lot) -> bool:
    """Whether the points expire before they could be used."""
    return lot.expires_at is not None and lot.available_at is not None and lot.expires_at < lot.available_at


def _expiring(lots: Any, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What expires when, the soonest first; ``last_day`` is the last local day on which it can be used (R48)."""
    by_moment: dict[datetime, int] = defaultdict(int)
    for lot in lots:
        if lot.expires_at and lot.pending + lot.available:
            by_moment[lot.expires_at] += lot.pending + lot.available
    return [
        {"points": points, "expires_at": moment, "last_day": local_day(moment - _SOONEST, zone)}
        for moment, points in sorted(by_moment.items())[:12]
    ]


def entry_document(
    row: Mapping[str, Any], *, currency: str, words: Catalogue, people: Mapping[UUID, str], whose: str
) -> dict[str, Any]:
    """One posting as an entry of the statement, with its words; ``whose`` is the path it is asked about under."""
    title = words.say("entry", _title(row))
    if row["store_name"]:
        title = words.say("entry", "at_place", title=title, place=row["store_name"])
    entry_id = entry_id_of(row["journal_id"], row["ordinal"])
    person = people.get(row["person_id"]) if row["person_id"] else None
    return {
        "entry_id": entry_id,
        "journal_id": ids.show("jrn", row["journal_id"]),
        "kind": row["kind"],
        "points": row["points"],
        "from": row["from_account"],
        "to": row["to_account"],
        "lot_id": ids.show("lot", row["lot_id"]) if row["lot_id"] else None,
        "state": _state(row),
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "available_at": row["available_at"],
        "expires_at": row["expires_at"],
        "title": title,
        "text": _basis_text(row, currency, words) or title,
        "rule": {"id": row["rule"], "program_version": row["program_version"]} if row["rule"] else None,
        "source": _source(row),
        "person": {"person_id": ids.show("per", row["person_id"]), "name": person} if person else None,
        "reverses": ids.show("jrn", row["reverses"]) if row["reverses"] else None,
        "reversed_points": 0,
        "actor": {"kind": row["actor_kind"], "client": row["actor_id"]},
        "balance_after": {
            "available": row["available_after"],
            "pending": row["pending_after"],
            "held": row["held_after"],
            "debt": row["debt_after"],
            "version": row["version"],
        },
        "explanation": f"{whose}/entries/{entry_id}/explanation",
    }


def entry_id_of(journal_id: UUID, ordinal: int) -> str:
    """An entry's public id: its journal's and its place in it, so that no table is needed to find it again."""
    return f"{ids.show('ent', journal_id)}{ordinal:02x}"


def read_entry_id(text: str) -> tuple[UUID, int] | None:
    """The journal and the place that an entry id names, or None."""
    journal_id = ids.read("ent", text[:-2])
    try:
        return (journal_id, int(text[-2:], 16)) if journal_id else None
    except ValueError:
        return None


def _title(row: Mapping[str, Any]) -> str:
    """What an entry is called: by what happened, and what was earned without buying by what it was earned for."""
    beside = row["kind"] == "earn" and row["cause_type"] in _BESIDE_BUYING
    said: str = row["cause_type"] if beside else row["kind"]
    return said


def _state(row: Mapping[str, Any]) -> str:
    """Where the points of an earning are today; other movements are done when they are booked."""
    if row["from_account"] != "issued" or row["kind"] not in ("earn", "correct") or row["lot_id"] is None:
        return "booked"
    if row["lot_pending"]:
        return "pending"
    return "available" if row["lot_available"] + row["lot_held"] else "used_up"


def _basis_text(row: Mapping[str, Any], currency: str, words: Catalogue) -> str | None:
    basis = row["basis"]
    if not basis:
        return None
    return rate_text(rate_of(basis), basis["basis"], currency=currency, words=words)


def rate_of(basis: Mapping[str, Any]) -> Rate:
    """The rate by which a rule arrived at its points, from what their posting keeps of it."""
    rounding = basis["round"]
    return Rate(basis["points"], basis["per"], basis["unit"], rounding, basis.get("by_line", False))


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    prefix = _PREFIXES.get(row["cause_type"])
    return {
        "type": row["cause_type"],
        "id": ids.show(prefix, row["cause_id"]) if prefix and row["cause_id"] else None,
        "store": row["store_id"],
        "reference": row["reference"],
    }
