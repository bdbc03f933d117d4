"""What signing in needs, put together once: ``create_app`` builds it and installs its gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api.auth import queries
from loyalty_api.auth.exchange import SubjectIssuer, subject_issuers
from loyalty_api.auth.keys import signing_key
from loyalty_api.auth.permissions import PERMISSIONS
from loyalty_api.auth.standing import StandingRegister
from loyalty_api.auth.tokens import Issuer
from loyalty_api.auth.verify import Verifier
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.security import Gate
from loyalty_api.throttle import Throttle
from loyalty_api.vault import Vault

# From an issuer and a subject of its to our member; from a member to the lowest epoch of tokens that holds.
ResolveMember = Callable[[str, str], UUID | None]
MemberEpoch = Callable[[UUID], int | None]


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues tokens and lets them in. Token lifetimes in seconds."""

    issuer: str
    audience: str
    token_seconds: int
    member_token_seconds: int
    vault: Vault
    throttle: Throttle
    gate: Gate
    subject_issuers: Mapping[str, SubjectIssuer]
    resolve_member: ResolveMember
    member_epoch: MemberEpoch

    def signing(self, session: Session) -> Issuer:
        """Who signs a token at this moment."""
        kid, key = signing_key(session, vault=self.vault, now=datetime.now(UTC))
        return Issuer(name=self.issuer, audience=self.audience, kid=kid, key=key)


def build(
    *,
    settings: Settings,
    database: Database,
    vault: Vault,
    throttle: Throttle,
    resolve_member: ResolveMember,
    member_epoch: MemberEpoch,
    wall: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
) -> Authority:
    """An authority over ``database``; ``wall`` and ``steady`` are machine time in seconds.

    :raises BadIssuer: a registered subject issuer's keys cannot be read.
    """
    standing = StandingRegister(
        read=lambda: queries.standing(database), member_epoch=member_epoch, now=steady
    )
    verifier = Verifier(issuer=settings.issuer, audience=settings.audience, vault=vault, standing=standing)
    return Authority(
        issuer=settings.issuer,
        audience=settings.audience,
        token_seconds=settings.token_seconds,
        member_token_seconds=settings.member_token_seconds,
        vault=vault,
        throttle=throttle,
        gate=Gate(
            verify=verifier.verify, standing=standing, permissions=PERMISSIONS, meter=throttle.meter, now=wall
        ),
        subject_issuers=subject_issuers(settings.subject_issuers, audience=settings.audience),
        resolve_member=resolve_member,
        member_epoch=member_epoch,
    )


def authority() -> Authority:
    """The authority of the present application."""
    found: Authority = current_app.extensions["authority"]
    return found
