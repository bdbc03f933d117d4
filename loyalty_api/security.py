"""A bearer token into a principal; a principal and an operation into yes or no.

Access tokens are JWTs of our own (RFC 9068): ES256 and nothing else, with the header fields we write and no
others, so that no field of a token chooses how it is checked. A verified token is remembered until it
expires; whether its client still stands is asked anew at every request, of a picture that is at most a second
old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args
from uuid import UUID

import flask
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from flask import g, request

from loyalty_api.errors import Forbidden, Unauthorized

Kind = Literal["terminal", "staff", "mobile", "partner", "admin", "member"]
KINDS: frozenset[Kind] = frozenset(get_args(Kind))
_REMEMBERED = 10_000


class BadToken(Unauthorized):
    """The access token is not one of ours, or not any more."""

    code, title = "invalid_token", "This access token does not hold"


class ScopeMissing(Forbidden):
    """The token does not carry a scope that opens this operation, or its kind of caller may never use it."""

    code, title = "insufficient_scope", "This token does not open this operation"


class StoreNotAllowed(Forbidden):
    """A client that is bound to a store speaks for that store only."""

    code, title = "store_not_allowed", "This client may not speak for that store"


class PermissionsMissing(LookupError):
    """Operations have no row in the permission table: the application must not start."""


@dataclass(frozen=True, slots=True)
class Access:
    """A row of the permission table: any of ``scopes`` opens it to callers of ``kinds``; none: public."""

    scopes: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()

    def admits(self, caller: Principal) -> bool:
        """Whether ``caller`` may use the operation."""
        return caller.kind in self.kinds and not caller.scopes.isdisjoint(self.scopes)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. ``rate`` in requests a minute, ``expires_at`` in seconds since 1970."""

    client_id: str
    kind: Kind
    scopes: frozenset[str]
    store_id: str | None
    member_id: UUID | None
    token_id: str
    expires_at: float
    rate: int

    @property
    def caller_id(self) -> str:
        """What keeps callers apart: the client, for a member's token with the member (≤ 64 characters)."""
        return self.client_id if self.member_id is None else f"{self.client_id}/{self.member_id.hex}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A principal with what its token hangs on: the key, and the epochs of its client and its member."""

    principal: Principal
    kid: str
    epoch: int
    member_epoch: int


class Standing(Protocol):
    """What this process knows of clients and keys, at most a second old."""

    def refresh(self) -> None:
        """Bring the picture up to date. Raises Unavailable when it cannot be seen for too long."""

    def key(self, kid: str) -> EllipticCurvePublicKey | None:
        """The public key to check signatures under ``kid`` with, or None when there is no such key."""

    def epoch(self, client_id: str) -> int:
        """Tokens of the client with a lower epoch do not hold any more."""

    def member_epoch(self, member_id: UUID) -> int | None:
        """The same for a member's tokens; None when there is no such member any more."""


def principal() -> Principal:
    """Who makes the present request.

    :raises Unauthorized: nobody; the operation is public.
    """
    found: Principal | None = g.get("principal")
    if found is None:
        raise Unauthorized("This needs an access token.")
    return found


def ensure_store(caller: Principal, store_id: str) -> None:
    """Refuse a caller who may not report for ``store_id``.

    A client bound to a store may speak for that one. Without a store, the office and whoever may import may
    speak for all of them.

    :raises StoreNotAllowed: it is another store's.
    """
    if caller.store_id == store_id:
        return
    unbound = caller.kind in ("staff", "admin") or "purchases:import" in caller.scopes
    if caller.store_id is not None or not unbound:
        raise StoreNotAllowed(f"This client may not speak for {store_id}.")


@dataclass(slots=True)
class _Memory:
    """Verified tokens in two generations: bounded, without a lock, and a token in use is kept."""

    size: int = _REMEMBERED
    young: dict[str, Verified] = field(default_factory=dict)
    old: dict[str, Verified] = field(default_factory=dict)

    def get(self, token: str) -> Verified | None:
        found = self.young.get(token)
        if found is None:
            found = self.old.get(token)
            if found is not None:
                self.put(token, found)
        return found

    def put(self, token: str, verified: Verified) -> None:
        if len(self.young) >= self.size // 2:
            self.old, self.young = self.young, {}
        self.young[token] = verified


class Gate:
    """Stands before every operation: who is it, within its rate, and may it do that.

    ``verify`` turns a token into who it speaks for, or raises BadToken. ``meter`` counts the request and
    refuses when there were too many; it is asked before the permission, so that trying doors is limited too.
    """

    def __init__(
        self,
        *,
        verify: Callable[[str], Verified],
        standing: Standing,
        permissions: Mapping[str, Access],
        meter: Callable[[Principal], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._verify, self._standing, self._now = verify, standing, now
        self._permissions, self._meter = permissions, meter
        self._by_endpoint: dict[str, Access] = {}
        self._memory = _Memory()

    def install(self, app: flask.Flask) -> None:
        """Guard every operation of ``app``. Call it once all of them are there.

        :raises PermissionsMissing: an operation has no row in the permission table.
        """
        endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
        rows = {endpoint: self._permissions.get(endpoint.rpartition(".")[2]) for endpoint in endpoints}
        missing = sorted(endpoint for endpoint, access in rows.items() if access is None)
        if missing:
            raise PermissionsMissing(
                f"Give these operations a row in auth/permissions.py: {', '.join(missing)}"
            )
        self._by_endpoint = {endpoint: access for endpoint, access in rows.items() if access is not None}
        app.before_request(self._guard)

    def identify(self, authorization: str | None) -> Principal:
        """Who presents this ``Authorization`` header.

        :raises Unauthorized: there is no token, or it does not hold.
        :raises Unavailable: whether it still holds cannot be known.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("Send an access token: Authorization: Bearer …")
        self._standing.refresh()
        verified = self._memory.get(token)
        if verified is None:
            verified = self._verify(token)
            self._memory.put(token, verified)
        self._still_holds(verified)
        return verified.principal

    def _still_holds(self, verified: Verified) -> None:
        found = verified.principal
        if found.expires_at <= self._now():
            raise BadToken("The access token has expired: ask for a new one.")
        if verified.epoch < self._standing.epoch(found.client_id) or self._standing.key(verified.kid) is None:
            raise BadToken("The access token has been revoked.")
        if found.member_id is not None:
            epoch = self._standing.member_epoch(found.member_id)
            if epoch is None or verified.member_epoch < epoch:
                raise BadToken("The member has signed out.")

    def _guard(self) -> None:
        # Flask's proxies look the request up at each touch; on every request's path once is enough.
        present: flask.Request = request._get_current_object()  # type: ignore[attr-defined]
        rule = present.url_rule
        if rule is None or (
            present.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)
        ):
            return  # Nothing of ours will be called: the framework answers 404, 405 or the allowed methods.
        access = self._by_endpoint.get(rule.endpoint)
        if access is None:
            raise Forbidden("This operation has no row in the permission table.")
        if not access.scopes:
            return
        caller = self.identify(present.environ.get("HTTP_AUTHORIZATION"))
        self._meter(caller)
        if not access.admits(caller):
            raise ScopeMissing(
                f"It needs the scope {' or '.join(access.scopes)}.", scopes=list(access.scopes)
            )
        g.principal = caller
