"""Earning rules in the form they are asked in: compiled once per program version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loyalty_api.earning.rules_basis import BasisTerms
from loyalty_api.earning.rules_conditions import Condition
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.rulekit.decision import Rate
from loyalty_api.rulekit.selectors import Selector


@dataclass(frozen=True, slots=True)
class EarningRule:
    """One rule. ``selects`` None means every line, ``cap`` None no cap, ``lots`` None the program's terms.

    ``award`` is ``base`` or ``bonus``; ``minimum`` is in minor units, ``cap`` in points.
    """

    rule_id: str
    award: str
    name: Mapping[str, str]
    rate: Rate
    selects: Selector | None
    conditions: tuple[Condition, ...]
    ignores_basket_discounts: bool
    minimum: int
    cap: int | None
    refuses_above_cap: bool
    lots: LotTerms | None


@dataclass(frozen=True, slots=True)
class Earning:
    """The earning section: base rules first, then bonuses, each in the order of the document.

    ``timed`` says whether any rule asks for a day or an hour; ``lots`` are the program's terms.
    """

    rules: tuple[EarningRule, ...]
    basis: BasisTerms
    lots: LotTerms
    timed: bool
