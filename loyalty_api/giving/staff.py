"""Gifts from the hand of the staff: within an allowance, with a reason, never to oneself, and with a name beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, Fault, Forbidden, Invalid
from loyalty_api.facts import service as facts_service
from loyalty_api.gifts.rules import GiftRule
from loyalty_api.gifts.service import Because, Gift
from loyalty_api.giving import queries_staff, rules
from loyalty_api.giving.granting import give, rule_in_force
from loyalty_api.giving.queries_staff import StaffGift
from loyalty_api.ledger.service import lock_book, write_book
from loyalty_api.members import service as members
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.rows import write
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Claim
from loyalty_api.rulekit.facts import Facts, Needs
from loyalty_api.vault import Vault, open_sealed, seal


class GiftRefused(Conflict):
    """Something stands against this gift: the rule, its limits, or what the member is or wants."""

    code, title = "gift_refused", "This gift cannot be given"
    action: ClassVar[Action] = "proceed_without"


class GiftAllowanceUsedUp(Conflict):
    """The person has given as much as one may today, or the member has had as many this month."""

    code, title = "gift_allowance_used_up", "No more can be given by hand"
    action: ClassVar[Action] = "proceed_without"


class GiftToOneself(Forbidden):
    """The account is that of the person who gives, or of their household: the people who share it."""

    code, title = "gift_to_oneself", "Nobody gives to their own account"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody of the staff wants to give: by which rule, to whom, why, where, and as whom they say they give."""

    gift_id: UUID
    member_id: UUID
    rule: str
    reason: str
    note: str | None
    staff_ref: str
    store_id: str | None


@dataclass(frozen=True, slots=True)
class GivenByHand:
    """The gift, and what is kept of how it came about; ``note`` in clear."""

    gift: Gift
    by: StaffGift
    note: str | None


def give_by_hand(session: Session, desk: Desk, *, wish: Wish, who: Who, now: datetime) -> GivenByHand:
    """Give a gift by hand. All of it, the allowance too, is in one transaction.

    :raises NotFound: there is no such member.
    :raises RuleUnknown: the version in force has no such rule for the staff.
    :raises BadIdentifier: the reference cannot be one of the staff's.
    :raises Invalid: the rule does not know the reason, or asks for a store.
    :raises GiftToOneself: the account belongs to the person who gives.
    :raises GiftAllowanceUsedUp: the person, or the member, has had as many as there may be.
    :raises GiftRefused: something else stands against it.
    """
    program, rule = rule_in_force(session, desk, rule_id=wish.rule, kind="staff", now=now)
    staff_ref = members.normalise("staff", wish.staff_ref, "/staff_ref")
    _ensure_fits(rule, wish)
    member, book = lock_book(session, member_id=wish.member_id)
    located = members.locate(session, vault=desk.vault, kind="staff", value=staff_ref)
    if located is not None and located.member_id == wish.member_id:
        raise GiftToOneself
    day = local_day(now, program.settings.zone)
    taken = _take_allowance(session, rule, staff_ref, wish.member_id, day, now)
    because = Because("staff", wish.gift_id, None, wish.store_id, who.client_id, {"reason": wish.reason})
    granted = give(
        session, desk, program=program, rule=rule, member=member, book=book, gift_id=wish.gift_id,
        because=because, now=now,
    )  # fmt: skip
    if granted.gift is None:
        raise _refused(granted.refused or "conditions_not_met")
    given = StaffGift(
        wish.member_id, wish.gift_id, rule.rule_id, staff_ref, day, rule.cost, wish.reason,
        _sealed(session, desk.vault, wish), [[claim.kind, claim.key, claim.amount] for claim in taken],
        wish.store_id, who.kind, who.client_id, now,
    )  # fmt: skip
    queries_staff.add(driver(session), given)
    write_book(driver(session), book)
    return GivenByHand(granted.gift, given, wish.note)


def list_given(
    session: Session,
    vault: Vault,
    *,
    staff_ref: str | None,
    store_id: str | None,
    days: tuple[date | None, date | None],
    before: UUID | None,
    limit: int,
) -> list[tuple[StaffGift, str | None]]:
    """What was given by hand, the latest first, each with its note in clear where it can still be read.

    :raises BadIdentifier: the reference cannot be one of the staff's.
    """
    named = members.normalise("staff", staff_ref, "/staff_ref") if staff_ref else None
    found = queries_staff.page(
        driver(session),
        staff_ref=named,
        store_id=store_id,
        first=days[0],
        last=days[1],
        before=before,
        limit=limit,
    )
    return [(given, _opened(session, vault, given)) for given in found]


def _ensure_fits(rule: GiftRule, wish: Wish) -> None:
    allowed: Sequence[str] = rule.trigger.allowance.reasons if rule.trigger.allowance else ()
    faults = []
    if allowed and wish.reason not in allowed:
        faults.append(Fault("/reason", "invalid_value", f"The rule knows {', '.join(allowed)}."))
    if rule.stores is not None and wish.store_id is None:
        faults.append(
            Fault("/store", "required", "The rule is for some stores: say in which one it is given.")
        )
    if faults:
        raise Invalid(faults[0].message, errors=faults)


def _refused(code: str) -> GiftRefused:
    return GiftRefused(errors=[Fault("/rule", code, "This stands against the gift.")])


def _take_allowance(
    session: Session, rule: GiftRule, staff_ref: str, member_id: UUID, day: date, now: datetime
) -> list[Claim]:
    """Take the gift of what the person may give today, and count it for the member, who is held.

    The same limits as those of budgets: an UPDATE that is refused when there is not enough left, so that of many at the
    same moment exactly so many pass.
    """
    allowance = rule.trigger.allowance
    if allowance is None:
        raise _refused("conditions_not_met")
    most = {rules.given_key(rule, staff_ref, day): allowance.per_day}
    claims = [Claim("limit", rules.given_key(rule, staff_ref, day), 1)]
    if allowance.cost_per_day is not None:
        most[rules.cost_key(rule, staff_ref, day)] = allowance.cost_per_day
        claims.append(Claim("limit", rules.cost_key(rule, staff_ref, day), rule.cost))
    received = rules.received_key(rule, day)
    needs = Needs(frozenset({received}), frozenset(most))
    counted = facts_service.open_for(session, member_id=member_id, needs=needs, now=now)
    known = counted.facts(Facts(), member_id=member_id, needs=needs, budgets=most, past={})
    if allowance.per_member is not None and known.counters.get(received, 0) >= allowance.per_member:
        raise GiftAllowanceUsedUp("The member has had as many this month as one may have.")
    if not _fits(claims, known.limits) or not counted.take(driver(session), claims, most):
        raise GiftAllowanceUsedUp("This person has given as much today as one may.")
    write(driver(session), [(facts_service.COUNTERS, [(member_id, received, 1)])])
    return [*claims, Claim("counter", received, 1)]


def _fits(claims: Sequence[Claim], left: Mapping[str, int]) -> bool:
    return all(left[claim.key] >= claim.amount for claim in claims)


def _sealed(session: Session, vault: Vault, wish: Wish) -> bytes | None:
    """The note, so that it cannot be read any more once the member is erased: people write names into notes."""
    key = vault.owner_key(session, wish.member_id) if wish.note else None
    return seal(key, wish.note.encode(), wish.gift_id.bytes) if key and wish.note else None


def _opened(session: Session, vault: Vault, given: StaffGift) -> str | None:
    key: Any = vault.owner_key(session, given.member_id, create=False) if given.note else None
    return open_sealed(key, bytes(given.note), given.gift_id.bytes).decode() if key and given.note else None
