"""The coupons that baskets show: read together, judged one by one, used with the purchase that they did something for.

A till sends what was scanned. What has the form of one of our codes is one of ours or nothing. Anything else is a code
that the merchant brought, or a plain name, as other people's coupons are, unless a batch has that name: then it takes a
code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.codes import bare, looks_like_ours, masked, plain_code
from loyalty_api.coupons import queries, rules
from loyalty_api.coupons.bringing import blind_of
from loyalty_api.coupons.rules import Asking, Coupon
from loyalty_api.rows import Rows, Table
from loyalty_api.values import dataclass
from loyalty_api.vault import Vault

USED_ELSEWHERE = "coupon_used_elsewhere"


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that a basket showed: as it may be stored, the name that rules know, and why it does not count.

    ``coupon`` is None for a plain name, and for what is none of ours.
    """

    written: str
    name: str | None
    coupon: Coupon | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """Everything that a basket showed, in its order."""

    shown: tuple[Shown, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that count, each once."""
        return tuple(dict.fromkeys(each.name for each in self.shown if each.name and not each.refused))

    @property
    def facts(self) -> dict[str, str]:
        """What rules are told of our coupons: ``usable`` or why not, by what may be stored of each."""
        return {each.written: each.refused or "usable" for each in self.shown if each.coupon or each.refused}

    @property
    def ours(self) -> tuple[Shown, ...]:
        """The coupons of ours that count."""
        return tuple(each for each in self.shown if each.coupon and not each.refused)

    @property
    def discrepancies(self) -> list[dict[str, Any]]:
        """Why coupons do not count, as a sale is told of it: it is never refused for one (R1)."""
        return [
            {
                "code": USED_ELSEWHERE if each.refused == rules.CouponUsed.code else each.refused,
                "coupon": each.written,
            }
            for each in self.shown
            if each.refused and each.refused != rules.NO_EFFECT
        ]

    def told(self, used: Iterable[UUID] | None) -> list[dict[str, Any]]:
        """What an answer says of each coupon of ours; ``used`` None: nothing is used by asking."""
        taken = None if used is None else set(used)
        return [_told(each, taken) for each in self.shown if each.coupon or each.refused]

    def stored_names(self, used: Iterable[UUID]) -> tuple[str, ...]:
        """What is kept with the purchase as its coupons: plain names, and the names of coupons that it used."""
        taken = set(used)
        kept = [
            each.name
            for each in self.shown
            if each.name and not each.refused and (each.coupon is None or each.coupon.coupon_id in taken)
        ]
        return tuple(dict.fromkeys(kept))


NOTHING_SHOWN = Presented()


def _told(each: Shown, used: set[UUID] | None) -> dict[str, Any]:
    coupon, reason = each.coupon, each.refused
    if used is None:
        status = "not_usable" if reason else "usable"
    elif coupon and not reason and coupon.coupon_id in used:
        status = "used"
    else:
        status, reason = "not_used", reason or rules.NO_EFFECT
    return {
        "code": each.written,
        "coupon_id": ids.show("cpn", coupon.coupon_id) if coupon else None,
        "name": coupon.terms.name if coupon else None,
        "status": status,
        "reason": reason,
    }


@dataclass(slots=True)
class CouponBook:
    """The coupons of a transaction's baskets: as they were read, and as its purchases use them up."""

    vault: Vault
    coupons: dict[bytes, Coupon] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    leads: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    _uses: list[Sequence[Any]] = field(default_factory=list)
    _counted: dict[bytes, int] = field(default_factory=dict)

    def present(self, scanned: Sequence[str], asking: Asking) -> Presented:
        """Judge what a basket shows. Of several coupons with one name the first that counts does."""
        found: dict[str, Shown] = {}
        counting: set[str] = set()
        for each in scanned:
            code = plain_code(each) if looks_like_ours(each) else None
            shown = self._judged(each, code, asking)
            if shown.coupon and not shown.refused:
                if shown.name in counting and (code or each) not in found:
                    shown = replace(shown, refused=rules.NO_EFFECT)
                counting.add(shown.name or "")
            found.setdefault(code or each, shown)
        return Presented(tuple(found.values())) if found else NOTHING_SHOWN

    def _judged(self, scanned: str, code: str | None, asking: Asking) -> Shown:
        written, found = masked(scanned), self._found(scanned, code)
        if not found and not looks_like_ours(scanned):
            ours = scanned in self.names
            return Shown(written, None if ours else scanned, None, rules.CouponUnknown.code if ours else None)
        coupon, why = rules.one_of(found, asking)
        if coupon is None or why is rules.CouponUnknown:
            return Shown(written, None, None, rules.CouponUnknown.code)
        return Shown(written, coupon.terms.name, coupon, why.code if why else None)

    def _found(self, scanned: str, code: str | None) -> list[Coupon]:
        """The coupons with this code: one of ours, or all that a code which was brought leads to."""
        if looks_like_ours(scanned):
            blinds: Sequence[bytes] = [blind_of(self.vault, code)] if code else []
        else:
            blinds = self.leads.get(blind_of(self.vault, bare(scanned)), ()) if self.leads else ()
        return [self.coupons[blind] for blind in blinds if blind in self.coupons]

    def ids_of(self, scanned: str) -> list[UUID]:
        """The coupons with this code, among those of the baskets."""
        code = plain_code(scanned) if looks_like_ours(scanned) else None
        return [coupon.coupon_id for coupon in self._found(scanned, code)]

    def coupon(self, coupon_id: UUID) -> Coupon:
        """A coupon of the baskets by its id."""
        return next(each for each in self.coupons.values() if each.coupon_id == coupon_id)

    def use(
        self,
        coupon_id: UUID,
        *,
        member_id: UUID,
        purchase_id: UUID,
        place: tuple[str, str, str],
        by: tuple[str, str | None],
        occurred_at: datetime,
        now: datetime,
    ) -> None:
        """Use a coupon with a purchase; ``place`` is store, terminal, reference, ``by`` the client and the cashier."""
        coupon = self.coupon(coupon_id)
        self.coupons[coupon.blind] = replace(coupon, uses=coupon.uses + 1)
        self._counted[coupon.blind] = self._counted.get(coupon.blind, 0) + 1
        self._uses.append(
            (member_id, purchase_id, coupon_id, _hex(coupon.blind), *place, *by, occurred_at, now)
        )  # fmt: skip

    def rows(self) -> list[tuple[Table, Rows]]:
        """What is to be written when all is decided."""
        counted = [(_hex(blind), more) for blind, more in self._counted.items()]
        return [(queries.USES, self._uses), (queries.COUNTED, counted)]


def open_coupons(
    connection: Connection[TupleRow],
    vault: Vault,
    scanned: Iterable[str],
    *,
    lock: bool,
    now: datetime,
    own: Iterable[UUID] = (),
) -> CouponBook:
    """Read what baskets show, in one round trip, and one more for what is not written as our codes are.

    With ``lock`` nobody else uses these coupons until the transaction ends; the caller holds its members already.
    ``own`` are reservations of these baskets, which hold coupons for nobody else.
    """
    every = set(scanned)
    if not every:
        return CouponBook(vault)
    codes = {code for each in every if looks_like_ours(each) and (code := plain_code(each))}
    names = {each for each in every if not looks_like_ours(each)}
    leads = queries.leads(connection, [blind_of(vault, bare(name)) for name in names]) if names else {}
    blinds = [blind_of(vault, code) for code in codes] + [one for led in leads.values() for one in led]
    found, known = queries.shown(connection, blinds, names, lock=lock, now=now, own=own)
    return CouponBook(vault, found, known, leads)


def _hex(blind: bytes) -> str:
    return "\\x" + blind.hex()
