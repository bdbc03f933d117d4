"""Codes that the merchant brings: printed already, on leaflets and labels, and the same ones in several campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.codes import bare, looks_like_ours, tail_of
from loyalty_api.coupons import queries_batches
from loyalty_api.coupons.queries_batches import Batch
from loyalty_api.db import driver
from loyalty_api.errors import Fault
from loyalty_api.rows import write
from loyalty_api.vault import Vault

NO_CODE = "A name does not look like a code."


def faults_of(document: Mapping[str, Any]) -> list[Fault]:
    """What cannot be brought, with its place in the body."""
    faults, seen = [], set[str]()
    if document["kind"] == "personal" or document["count"] is not None:
        faults.append(
            Fault("/codes", "not_allowed", "Codes are brought instead of a count, and are nobody's own.")
        )
    for n, brought in enumerate(document["codes"]):
        code = bare(brought["code"])
        if looks_like_ours(code) or not code:
            faults.append(
                Fault(f"/codes/{n}/code", "not_allowed", "It looks like a code of ours, or like nothing.")
            )
        elif code in seen:
            faults.append(Fault(f"/codes/{n}/code", "duplicate", "Each code is named once."))
        if looks_like_ours(brought["name"] or ""):
            faults.append(Fault(f"/codes/{n}/name", "not_allowed", NO_CODE))
        seen.add(code)
    return faults


def bring(
    session: Session, *, vault: Vault, batch_id: UUID, document: Mapping[str, Any], by: str, now: datetime
) -> Batch:
    """A batch of codes that were brought: they are there at once, and nobody reads them from us."""
    total = len(document["codes"])
    batch = Batch(
        batch_id, document["name"], document["kind"], total, total, document["uses"], document["valid_from"],
        document["valid_until"], document["stores"], document["audience"], False, document["note"],
        None, by, now, None, None, now, by, None, True,
    )  # fmt: skip
    queries_batches.add(driver(session), batch)
    codes, leads = [], []
    for n, brought in enumerate(document["codes"], start=1):
        code = bare(brought["code"])
        mine = "\\x" + blind_of(vault, f"{batch_id.hex}/{code}").hex()
        codes.append((mine, ids.nth(batch_id, n), batch_id, tail_of(code), document["uses"], brought["name"]))
        leads.append(("\\x" + blind_of(vault, code).hex(), mine, brought["name"] or document["name"]))
    write(driver(session), [(queries_batches.BROUGHT, codes), (queries_batches.LEADS, leads)])
    return batch


def blind_of(vault: Vault, code: str) -> bytes:
    """The keyed hash that a code is found by: ours as ``claim_code`` writes it, a brought one ``bare``."""
    return vault.blind("coupon", code)
