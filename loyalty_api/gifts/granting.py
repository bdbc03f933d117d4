"""A gift as it begins: what a rule gives, why, until when, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty_api import ids
from loyalty_api.gifts.rules_life import AT_COUNTER, Gift, handed_over
from loyalty_api.gifts.rules_limits import claims_of
from loyalty_api.gifts.rules_types import GiftRule, Gifts
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision

# Gifts of a purchase have ids counted up from its own, far behind its journals and what finds it later.
_FIRST, _EACH = 1 << 25, 4


@dataclass(frozen=True, slots=True)
class Because:
    """Why somebody gets a gift: ``type`` is purchase, event, time, list or staff, ``id`` that one's.

    Under one ``once`` a rule gives to a member once, whatever happens (a year, an event's id, a list's). ``numbers``
    are kept with the gift and explained; ids and numbers only. ``client_id`` is who asked for it.
    """

    type: str
    id: UUID | None = None
    once: str | None = None
    store_id: str | None = None
    client_id: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


def made(
    rule: GiftRule,
    *,
    version: int,
    member_id: UUID,
    gift_id: UUID,
    because: Because,
    remind_days: int | None,
    zone: ZoneInfo,
    now: datetime,
    at: datetime | None = None,
) -> Gift:
    """A gift that is granted ``now`` for something that happened ``at`` (now when left out).

    Its days end as those of points do: with the local day.
    """
    ends = terms_for(terms=LotTerms(expire=("days", rule.claim_days)), at=now, zone=zone).expires_at or now
    remind = ends - timedelta(days=remind_days) if remind_days is not None else None
    day = local_day(at or now, zone)
    return Gift(
        member_id=member_id,
        gift_id=gift_id,
        rule=rule.rule_id,
        program_version=version,
        trigger=rule.trigger.kind,
        kind=rule.give.kind,
        state="granted",
        give=rule.give.document(),
        why=dict(because.numbers),
        cost=rule.cost,
        claims=[[claim.kind, claim.key, claim.amount] for claim in claims_of(rule, day)],
        cause_type=because.type,
        cause_id=because.id,
        once_key=because.once,
        purchase_id=because.id if because.type == "purchase" else None,
        store_id=because.store_id,
        client_id=because.client_id,
        granted_at=now,
        expires_at=ends,
        remind_at=remind if remind and remind > now else None,
    )


def of_purchase(
    decision: Decision | None,
    gifts: Gifts | None,
    *,
    member_id: UUID,
    purchase_id: UUID,
    store_id: str,
    client_id: str,
    zone: ZoneInfo,
    now: datetime,
) -> list[Gift]:
    """The gifts that a purchase brings; a free item that lay in the basket is handed over with it."""
    found = []
    for n, given in enumerate(decision.gifts if decision and gifts else ()):
        rule = gifts.numbered(given.rule) if gifts else None
        if rule is None or decision is None or gifts is None:
            continue
        numbers = {**given.numbers, **({"lines": list(given.lines)} if given.lines else {})}
        gift = made(
            rule, version=decision.version, member_id=member_id, gift_id=ids.nth(purchase_id, _FIRST + n * _EACH),
            because=Because("purchase", purchase_id, purchase_id.hex, store_id, client_id, numbers),
            remind_days=gifts.remind_days, zone=zone, now=now, at=decision.at,
        )  # fmt: skip
        found.append(handed_over(gift, now, store=store_id, by=client_id) if given.lines else gift)
    return found


def event(gift: Gift, kind: str, *, now: datetime, at: datetime | None = None) -> Sequence[Any]:
    """What is told of a gift: ``gift_<kind>``, with ids and its end; never what it is, which is to be opened."""
    body: dict[str, Any] = {"rule": gift.rule, "kind": gift.kind, "expires_at": gift.expires_at}
    if gift.purchase_id is not None:
        body["purchase_id"] = ids.show("pur", gift.purchase_id)
    return (gift.member_id, f"gift_{kind}", ids.show("gft", gift.gift_id), at or now, now, body, False)


def events_of(gift: Gift, *, now: datetime) -> list[Sequence[Any]]:
    """What is told of a gift that has just been granted, which may be in its member's hands already."""
    told = [event(gift, "granted", now=now)]
    return [*told, event(gift, "handed_over", now=now)] if gift.state == "handed_over" else told


def kept(gift: Gift, *, name: Mapping[str, str]) -> dict[str, Any]:
    """A gift in its purchase's answer: what it is, the rule's ``name``, whether it is handed over at a counter."""
    return {
        "name": dict(name),
        "gift_id": ids.show("gft", gift.gift_id),
        "rule": gift.rule,
        "kind": gift.kind,
        "state": gift.state,
        "give": dict(gift.give),
        "expires_at": gift.expires_at,
        "at_counter": gift.kind in AT_COUNTER,
    }
