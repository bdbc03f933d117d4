"""What stands against a gift that no purchase brings: the rule, the moment, the member. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from loyalty_api.gifts.rules_types import GiftRule
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure, fails
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import moment


def refusal(
    rule: GiftRule,
    facts: Facts,
    *,
    paused: frozenset[str],
    store_id: str | None,
    at: datetime,
    zone: ZoneInfo,
    withheld: bool,
) -> Failure | None:
    """Why the member in ``facts`` gets nothing by a rule at a moment, or None. Staff get no gifts (R18)."""
    member, nothing = facts.member, Basket(store_id or "", "", ())
    now = moment(at=at, zone=zone, basket=nothing)
    standing = (
        ("paused", rule.rule_id in paused),
        ("member_blocked", member is None or member.status != "active"),
        ("staff", member is not None and member.staff),
        ("opted_out", member is not None and member.no_gifts),
        ("not_profiled", rule.profiles and member is not None and member.no_profiling),
        ("other_store", rule.stores is not None and store_id not in rule.stores),
        ("outside_window", not rule.in_window(now.day)),
        ("not_a_gift", withheld),
    )
    code = next((code for code, stands in standing if stands), None)
    if code is not None:
        return fails(code)
    return rule.test(Situation(nothing, facts, now, (), ())) if rule.test else None
