"""Lint: what is wrong with a program, found by trying it, before anybody buys by it. Pure.

Every rule is tried on sales at and around all thresholds that it and its conditions name (a unit less, just so, a unit
more), of products that its selections name, on days and hours inside its windows, for members who meet its conditions;
and rules together on sales that all of them are about. What is said of the program is said of such a sale, which stands
beside it, and is what ``rating.rules.evaluate`` really does with it. Promotions are tried on open baskets in the
same way. No search of this kind is complete: what it does
not find may still be there, and what it finds is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from loyalty_api.publishing.rules_lint_discounts import discounts
from loyalty_api.publishing.rules_lint_firing import never_fire, reach, windows_ended
from loyalty_api.publishing.rules_lint_shape import hidden, never_in_full, split_farmed
from loyalty_api.publishing.rules_lint_time import clock_changes, gaps, worse_terms
from loyalty_api.publishing.rules_lint_types import Finding, ground
from loyalty_api.publishing.rules_lint_worth import costs, free_goods, never_end, without_end
from loyalty_api.rating.rules_program import Program

_ORDER = ("error", "warning", "note")
SEVERITIES: dict[str, tuple[str, ...]] = {
    "never_fires": ("error",),
    "worth_more_than_margin": ("error",),
    "unlimited_points": ("error", "warning"),
    "gift_of_no_reward": ("error",),
    "gift_of_past_reward": ("warning",),
    "not_seen_to_fire": ("warning",),
    "points_on_free_goods": ("warning",),
    "goods_for_nothing": ("error", "warning"),
    "discounts_beyond_margin": ("error", "warning"),
    "overlap_over_limit": ("warning",),
    "discounts_over_limit": ("warning",),
    "hidden_in_group": ("warning",),
    "never_in_full": ("warning",),
    "always_beaten": ("warning",),
    "discount_never_in_full": ("warning",),
    "coupon_asked_nowhere": ("warning",),
    "coupon_never_counts": ("warning",),
    "coupon_stores_unknown": ("warning",),
    "split_farmed": ("warning",),
    "gap_between_windows": ("warning",),
    "windows_overlap": ("warning",),
    "hours_missing": ("warning",),
    "points_worth_less": ("warning",),
    "expires_sooner": ("warning",),
    "available_later": ("warning",),
    "worth_more_once": ("note",),
    "hours_doubled": ("note",),
    "cheaper_in_parts": ("note",),
    "window_ended": ("note",),
    "never_expire": ("note",),
}
"""Every code, and how heavy it can be. Errors keep a program from being published."""


def lint(
    program: Program,
    *,
    now: datetime,
    against: Program | None = None,
    missing: Mapping[str, str] | None = None,
    stores: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """Every finding, the heaviest first.

    ``against`` is the version in force, whose terms members' points have, ``missing`` says of gift rules why their
    reward is not to be had, and ``stores`` are all that there are, where that is known.
    """
    looked = ground(program, now=now, stores=stores)
    reached = [reach(looked, rule) for rule in looked.rules]
    found = [
        *never_fire(looked, reached),
        *costs(looked, reached),
        *without_end(looked, reached),
        *never_end(looked, reached),
        *free_goods(looked, reached),
        *hidden(looked, reached),
        *never_in_full(looked, reached),
        *split_farmed(looked, reached),
        *gaps(looked, reached),
        *windows_ended(looked, reached),
        *clock_changes(looked, reached),
        *worse_terms(looked, reached, against),
        *discounts(looked),
        *_without_reward(missing or {}),
    ]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))


def _without_reward(missing: Mapping[str, str]) -> list[Finding]:
    """Gifts of rewards that are not there, and of such as are not offered any more."""
    return [
        Finding("gift_of_no_reward", "error", (rule,), (), ())
        if code == "reward_unknown"
        else Finding("gift_of_past_reward", "warning", (rule,), (), ())
        for rule, code in missing.items()
    ]
