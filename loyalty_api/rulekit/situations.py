"""What conditions are asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure
from loyalty_api.rulekit.windows import Moment
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Situation:
    """A basket with what is known: ``paid`` by line in minor units, ``counted`` the places of lines that count.

    ``moment`` is None when no condition of the program asks for a time. Purchases in one store that are less than
    ``visit_gap`` minutes apart are one visit (R19).
    """

    basket: Basket
    facts: Facts
    moment: Moment | None
    paid: Sequence[int]
    counted: Sequence[int]
    visit_gap: int = 0


Test = Callable[[Situation], Failure | None]
