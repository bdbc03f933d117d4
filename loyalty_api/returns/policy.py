"""What the program says of returns, at the moment of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from loyalty_api.program.rules import Settings
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.decision import Rate
from loyalty_api.tiers.rules_standing import Timeline

_LONGEST_WINDOW = 365


@dataclass(frozen=True, slots=True)
class Policy:
    """``returns.*`` and what goes with it; ``price`` is ``redeem.rate``, ``base`` the rate of the first plain rule.

    ``window_days`` is how far back goods without a receipt are looked for: as long as points are pending (the return
    window), a year where the program has no such days. ``tiers`` are those of every version through time.
    """

    reach: str = "debt"
    tender_order: str = "pro_rata"
    unlinked: str = "latest_match"
    window_days: int = _LONGEST_WINDOW
    late_days: int | None = None
    price: Mapping[str, Any] | None = None
    base: Rate | None = None
    currency: str | None = None
    settings: Settings | None = None
    tiers: Timeline = ()

    def for_void(self) -> Policy:
        """The same for a sale that is undone: it never was, so nothing that it gave is let go."""
        return replace(self, reach="debt")


def policy_of(program: Program | None) -> Policy:
    """The policy of a version of the program; what holds in silence where there is none."""
    if program is None:
        return Policy()
    settings = program.settings
    returns, (kind, days) = settings.sections["returns"], settings.lots.available
    plain = (rule.rate for rule in program.earning.rules if rule.award == "base" and rule.selects is None)
    return Policy(
        returns["take_back"],
        returns["tender_order"],
        returns["unlinked"],
        days if kind == "after_days" and days else _LONGEST_WINDOW,
        settings.late_days,
        settings.sections["redeem"]["rate"],
        next((rate for rate in plain if rate.unit == "amount"), None),
        settings.currency,
        settings,
    )
