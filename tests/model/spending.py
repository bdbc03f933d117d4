"""What the model says of corrections and of points that are used."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.model.ledger import Hold, Ledger, Refused

_BY_STATE = {"held": "not_captured", "released": "already_released", "expired": "hold_expired"}


def adjust(ledger: Ledger, points: int, *, may_owe: bool, now: datetime, ends: datetime) -> None:
    if points > 0:
        ledger.arrive(ledger.born(now, now, ends), points)
    elif -points > ledger.in_all("available") and not may_owe:
        raise Refused("insufficient_points")
    else:
        ledger.debt += -points - sum(part for _, part in ledger.take(-points))
    ledger.adjusted += points


def hold(ledger: Ledger, points: int, *, since: datetime, ends: datetime) -> None:
    if points > ledger.in_all("available"):
        raise Refused("insufficient_points")
    ledger.holds.append(Hold(since, ends, points, ledger.take(points)))
    for lot, part in ledger.holds[-1].taken:
        lot.held += part


def capture(ledger: Ledger, held: Hold, points: int | None, *, at: datetime, late_is_debt: bool) -> None:
    if held.state in ("released", "reversed"):
        raise Refused(f"already_{held.state}")
    if held.used and points not in (None, held.used):
        raise Refused("already_captured")
    if held.used:
        return
    points = points or held.points
    if held.state == "held":
        held.taken = ledger.let_go(held.taken, used=points)
    elif late_is_debt and held.since - timedelta(minutes=5) <= at < held.ends:
        held.taken = ledger.take(points, first=[lot for lot, _ in held.taken])
    else:
        raise Refused("hold_expired")
    held.state, held.used = "captured", points
    held.owed = points - sum(part for _, part in held.taken)
    ledger.debt += held.owed
    ledger.spent += points


def release(ledger: Ledger, held: Hold) -> None:
    if held.used:
        raise Refused("already_reversed" if held.state == "reversed" else "already_captured")
    if held.state == "held":
        held.state = "released"
        ledger.let_go(held.taken)


def reverse(
    ledger: Ledger, held: Hold, points: int | None, *, now: datetime, grace: datetime, ends: datetime
) -> None:
    if not held.used:
        raise Refused(_BY_STATE[held.state])
    left = held.used - held.back
    if left and (points or 0) > left:
        raise Refused("already_reversed")
    points = min(points or left, left)
    # What was owed was taken last, so it goes back first; as far as it was paid since, it comes back as points.
    forgiven = max(min(points, held.owed - held.back), 0)
    still = min(forgiven, ledger.debt)
    ledger.debt -= still
    ledger.spent -= points
    held.back += points
    held.state = "reversed" if held.back == held.used else "captured"
    points -= forgiven
    while points:
        lot, used = held.taken.pop()
        part = min(used, points)
        points -= part
        held.taken += [(lot, used - part)] if used > part else []
        lot.ends = grace if lot.ends <= now else lot.ends
        ledger.arrive(lot, part)
    if forgiven > still:
        ledger.arrive(ledger.born(now, now, ends), forgiven - still)
