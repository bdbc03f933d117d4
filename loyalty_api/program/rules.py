"""A program document: what it may say, every fault in it at once, and its settings with their defaults.

The document is one JSON object whose members are the paths of the settings: ``purchases.late_days`` stands at
``{"purchases": {"late_days": 31}}``. What has variants is a word or an object with one member:
``"at_once"``, ``{"after_days": 14}``. The rules of a feature stand in its section (``earn.rules``) and are
checked by that feature; ``rating.rules.check_document`` checks the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.errors import Fault
from loyalty_api.program.rules_document import UnfitDocument, unfit
from loyalty_api.program.rules_lots import LotTerms, lasting_faults, lot_terms, terms_for
from loyalty_api.program.rules_settings import read_settings


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that act in every use of a program; ``sections`` holds each section as it was read.

    ``late_days`` is None when no receipt is too late. ``claim_window_days`` 0 means never.
    ``staff_claims_per_day`` is how many receipts one client may claim for members in a day of the program's.
    ``announce_days`` is how many days before they expire points are announced, None for not at all.
    """

    currency: str
    zone: ZoneInfo
    show_as: str
    earning_kinds: frozenset[str]
    late_days: int | None
    unknown_identifier: str
    claim_window_days: int
    staff_claims_per_day: int
    lots: LotTerms
    announce_days: int | None
    sections: Mapping[str, Any]

    def grace_ends(self, now: datetime) -> datetime:
        """Until when points live that come back at ``now`` to a lot that has expired (``lots.restore_grace_days``).

        N days end as those of every lot do (R48); 0 is the rest of the local day.
        """
        terms = LotTerms(expire=("days", self.sections["lots"]["restore_grace_days"]), exact=self.lots.exact)
        return terms_for(terms=terms, at=now, zone=self.zone).expires_at or now


def check(document: Any) -> tuple[Fault, ...]:
    """All faults of the settings: unknown, missing, wrong or contradicting; empty when there are none.

    The items of ``earn.rules`` are the earning feature's to check.
    """
    return _read(document)[1]


def settings(document: Mapping[str, Any]) -> Settings:
    """The document's settings with their defaults. Raises ``UnfitDocument`` with every fault."""
    sections, faults = _read(document)
    if faults:
        raise UnfitDocument(errors=faults)
    return Settings(
        currency=sections["currency"],
        zone=sections["time_zone"],
        show_as=sections["points"]["show_as"],
        earning_kinds=sections["purchases"]["earning_kinds"],
        late_days=sections["purchases"]["late_days"],
        unknown_identifier=sections["purchases"]["unknown_identifier"],
        claim_window_days=sections["claims"]["window_days"],
        staff_claims_per_day=sections["claims"]["staff_per_day"],
        lots=_terms(sections),
        announce_days=sections["lots"]["announce_days"],
        sections=sections,
    )


def _read(document: Any) -> tuple[Any, tuple[Fault, ...]]:
    """The sections as read, and the faults; a document that cannot be stored is not read any further."""
    unstorable = unfit(document)
    if any(fault.code == "too_deep" for fault in unstorable):
        return None, unstorable
    faults: list[Fault] = []
    sections = read_settings(document, "", faults)
    if not faults:
        faults = lasting_faults(_terms(sections), "/lots/expire")
    known = {fault.pointer for fault in unstorable}
    return sections, unstorable + tuple(fault for fault in faults if fault.pointer not in known)


def _terms(sections: Mapping[str, Any]) -> LotTerms:
    return lot_terms(section=sections["lots"], exact=sections["lots"]["day_end"] == "exact")
