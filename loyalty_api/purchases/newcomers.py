"""Programs that make a member of every unknown card (``purchases.unknown_identifier``: ``create_member``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.members import service as members
from loyalty_api.members.service import Actor, Enrolment, IdentifierInUse, NewIdentifier
from loyalty_api.purchases import queries
from loyalty_api.purchases.desk import Desk, Reported, Who
from loyalty_api.purchases.queries import Opened


def enrol_unknown(
    session: Session,
    desk: Desk,
    reported: Sequence[Reported],
    opened: Opened,
    *,
    who: Who,
    now: datetime,
    also: str | None = None,
) -> Opened:
    """Make members of the identifiers that nobody has, where the program of the receipt's time says so.

    Gives what is open with the new members in it.
    """
    connection = driver(session)
    asked = {}
    for report in reported:
        if report.blind and report.blind not in opened.identified and report.purchase_id in opened.taken:
            program = desk.programs.at(connection, min(report.body["occurred_at"], now))
            if program and program.settings.unknown_identifier == "create_member":
                asked[report.blind] = report
    if not asked:
        return opened
    for blind in sorted(asked):
        _enrol(session, desk, asked[blind], who, now)
    more = queries.open_receipts(connection, receipts=[], blinds=sorted(asked), member_ids=[], also=also)
    return replace(
        opened,
        members={**opened.members, **more.members},
        identified={**opened.identified, **more.identified},
        balances={**opened.balances, **more.balances},
        also=[*opened.also, *more.also],
    )


def _enrol(session: Session, desk: Desk, report: Reported, who: Who, now: datetime) -> None:
    identifier = report.body["identifier"]
    enrolment = Enrolment(
        identifiers=[NewIdentifier(identifier["kind"], identifier["value"])], home_store=report.body["store"]
    )
    try:
        with session.begin_nested():
            members.enrol(
                session,
                vault=desk.vault,
                enrolment=enrolment,
                actor=Actor(who.kind, who.client_id),
                now=now,
            )
    except IdentifierInUse:
        return  # Another till has just enrolled it: the member is there now.
