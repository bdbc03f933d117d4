"""When a coupon counts, and why not. Pure.

A coupon is a code that unlocks what the program says under its *name*: conditions ask for names
(``{"coupon": ["FRESH"]}``) and never see a code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from loyalty_api.coupons.rules_audience import is_for
from loyalty_api.errors import Action, Conflict, NotFound
from loyalty_api.rulekit.facts import Facts

KINDS = ("single", "limited", "personal")
STATES = ("issued", "used", "given_back", "expired", "blocked", "taken_back")
NO_EFFECT = "no_effect"
"""Why a coupon was not used up although it counts: nothing would have been different without it."""


class CouponUnknown(NotFound):
    """No coupon is written like this, or it was blocked; a slip of the finger gets the same answer."""

    code, title = "coupon_unknown", "We do not know this coupon"
    action: ClassVar[Action] = "ask_member"


class CouponExpired(Conflict):
    """The coupon's last moment is over."""

    code, title = "coupon_expired", "This coupon has expired"
    action: ClassVar[Action] = "proceed_without"


class CouponNotYetValid(Conflict):
    """The coupon's first moment is still to come."""

    code, title = "coupon_not_yet_valid", "This coupon is not valid yet"
    action: ClassVar[Action] = "proceed_without"


class CouponUsed(Conflict):
    """The coupon has been used as often as it may be."""

    code, title = "coupon_used", "This coupon has been used"
    action: ClassVar[Action] = "proceed_without"


class CouponReserved(Conflict):
    """All uses that the coupon still has are held for other baskets, for a few minutes at most."""

    code, title = "coupon_reserved", "This coupon is being used in another basket"
    action: ClassVar[Action] = "proceed_without"


class CouponNotYours(Conflict):
    """The coupon is another member's, or for members of another kind, or no member is known."""

    code, title = "coupon_not_yours", "This coupon is for somebody else"
    action: ClassVar[Action] = "proceed_without"


class CouponNotHere(Conflict):
    """The coupon is for other stores."""

    code, title = "coupon_not_here", "This coupon is for other stores"
    action: ClassVar[Action] = "proceed_without"


class CouponNotActivated(Conflict):
    """The member has not activated the coupon yet."""

    code, title = "coupon_not_activated", "This coupon has to be activated first"
    action: ClassVar[Action] = "ask_member"


REFUSALS = (
    CouponUnknown, CouponUsed, CouponExpired, CouponNotYetValid, CouponNotYours, CouponNotHere, CouponNotActivated,
    CouponReserved,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """What the coupons of a batch have in common: their name, when, where and for whom they count.

    They count from ``valid_from`` until just before ``valid_until``; no ``stores``: everywhere. ``audience`` is what
    conditions call ``member``.
    """

    name: str
    kind: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stores: tuple[str, ...] = ()
    audience: Mapping[str, Any] | None = None
    needs_activation: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon as it stands. ``blind`` is the keyed hash of its code, ``tail`` the end of it, for people.

    ``given_back`` counts the uses that were undone, and ``held`` those that are reserved for baskets of others.
    ``given`` says that it was given by itself, because of a purchase or with a gift, and ``taken_back`` that what it
    was given for came back.
    """

    coupon_id: UUID
    batch_id: UUID
    blind: bytes
    tail: str
    member_id: UUID | None
    uses: int
    most_uses: int
    given_back: int
    activated_at: datetime | None
    blocked: bool
    terms: Terms
    taken_back: bool = False
    given: bool = False
    held: int = 0

    @property
    def shown(self) -> str:
        """What is shown of its code."""
        return f"…{self.tail}"

    @property
    def uses_left(self) -> int:
        """How often it can still be used."""
        return self.most_uses - self.uses

    def state(self, now: datetime) -> str:
        """One of ``STATES``; what was used up stays so when its time is over."""
        if self.blocked or self.terms.blocked:
            return "blocked"
        if self.taken_back:
            return "taken_back"
        if self.uses_left <= 0:
            return "used"
        if self.terms.valid_until is not None and now >= self.terms.valid_until:
            return "expired"
        return "given_back" if self.given_back and not self.uses else "issued"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who shows a coupon, where (None: nowhere yet) and when. ``known`` tells what is known of the member."""

    at: datetime
    store_id: str | None = None
    member_id: UUID | None = None
    known: Callable[[], Facts] = Facts


def refusal(coupon: Coupon, asking: Asking) -> type[NotFound | Conflict] | None:  # noqa: PLR0911 - one for each reason
    """Why a coupon does not count here and now, the final reasons first; None: it counts.

    What is blocked or was taken back is answered like what never was, so that nobody learns that a code was right.
    """
    terms, at = coupon.terms, asking.at
    if coupon.blocked or terms.blocked or coupon.taken_back:
        return CouponUnknown
    if coupon.member_id is not None and coupon.member_id != asking.member_id:
        return CouponNotYours
    if coupon.uses_left <= 0:
        return CouponUsed
    if terms.valid_until is not None and at >= terms.valid_until:
        return CouponExpired
    if terms.valid_from is not None and at < terms.valid_from:
        return CouponNotYetValid
    if terms.stores and asking.store_id is not None and asking.store_id not in terms.stores:
        return CouponNotHere
    if terms.audience is not None and not is_for(terms.audience, asking.known()):
        return CouponNotYours
    if terms.needs_activation and coupon.activated_at is None:
        return CouponNotActivated
    return CouponReserved if coupon.uses_left <= coupon.held else None


def one_of(
    coupons: Sequence[Coupon], asking: Asking
) -> tuple[Coupon | None, type[NotFound | Conflict] | None]:
    """Of the coupons that one code leads to, the one that counts here and now, and why it does not if none does.

    Of several that count the latest does. Else the reason is that of one which is for who shows it: a member who is
    meant by a campaign that is over hears that, and not that another campaign is for others.
    """
    judged = [(coupon, refusal(coupon, asking)) for coupon in sorted(coupons, key=lambda one: one.coupon_id)]
    if not judged:
        return None, CouponUnknown
    return min(reversed(judged), key=lambda one: _rank(one[0], one[1], asking))


def _rank(coupon: Coupon, why: type[NotFound | Conflict] | None, asking: Asking) -> int:
    if why in (None, CouponUnknown):
        return 0 if why is None else 4
    audience, mine = coupon.terms.audience, coupon.member_id in (None, asking.member_id)
    meant = mine and (audience is None or is_for(audience, asking.known()))
    if meant:
        return 1
    return 2 if why is CouponNotYours else 3
