"""What is written of a receipt beside its own row: its lines, where it lies, who is told, how it is found later."""

from __future__ import annotations

from loyalty_api import ids
from loyalty_api.codes import claim_code
from loyalty_api.purchases.booking import line_rows
from loyalty_api.purchases.desk import Reported
from loyalty_api.purchases.rated import Rated, Row, Written
from loyalty_api.vault import Vault


def note(written: Written, report: Reported, row: Row, rated: Rated, *, awaited: bool, vault: Vault) -> None:
    """Note the rows of a receipt; ``awaited`` by a return. Nobody's receipt gets a claim code."""
    written.purchases.append(row)
    written.lines.extend(line_rows(row, rated.basket, report.body["lines"], rated.decision))
    written.locators.append((row["purchase_id"], row["member_id"]))
    subject, now = ids.show("pur", row["purchase_id"]), row["recorded_at"]
    if awaited:
        written.events.append(
            (row["member_id"], "awaited_purchase_arrived", subject, row["occurred_at"], now, {}, True)
        )
    if row["match"] == "identified":
        points = {"points": row["points_base"] + row["points_bonus"]}
        written.events.append(
            (row["member_id"], "purchase_recorded", subject, row["occurred_at"], now, points, False)
        )
        return
    code = claim_code(vault.blind("claim", row["purchase_id"].hex))
    written.claim_codes.append(("\\x" + vault.blind("claim_code", code).hex(), row["purchase_id"]))
    if report.blind:
        kind, blind = report.blind
        written.unattached.append((kind, "\\x" + blind.hex(), row["purchase_id"], row["occurred_at"]))
