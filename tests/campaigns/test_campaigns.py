"""A real grocer's coupons: every redemption of the sample is accepted, and what was not meant is refused and says why.

``python -m tests.campaigns`` does it for all 2,102 of the year.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty_api.demo import data
from tests.campaigns import real
from tests.campaigns.redeeming import Town, answers, open_town, shown_with, use
from tests.purchases.racing import breaches
from tests.support.shop import Shop

DAYS = 14
ALL = real.redemptions()
FIRST = [one for one in ALL if one.day < data.FIRST_DAY + timedelta(days=DAYS)]
SAMPLE = [*FIRST, *ALL[::60]]
# One household that no campaign targets, and one that a single one does.
STRANGERS = (160, 5)


@pytest.fixture(scope="module")
def town(shop: Shop) -> Town:
    households = [*STRANGERS, *[one.household for one in SAMPLE]]
    promoted = {one.campaign for one in FIRST}
    return open_town(shop, real.campaigns(), households=households, promoted=promoted)


def test_the_campaigns_are_those_of_the_data() -> None:
    campaigns = real.campaigns()
    assert (len(campaigns), len(ALL)) == (27, 2102)
    assert len({upc for each in campaigns.values() for upc in each.coupons}) == 981


def test_what_was_redeemed_is_accepted_and_nothing_else(town: Town) -> None:
    number = len(SAMPLE)
    assert answers(town, SAMPLE) == {
        "as_it_was": {None: number},
        "long_after": {"coupon_expired": number},
        "long_before": {"coupon_not_yet_valid": number},
        "not_targeted": {"coupon_not_yours": number},
    }


def test_coupons_are_used_with_the_baskets_that_they_were_redeemed_with(town: Town) -> None:
    baskets = shown_with(town, FIRST, data.purchases_by_day(days=DAYS))
    shown = sum(len(each.redemptions) for each in baskets)
    assert shown == 7
    assert use(town, baskets) == {"used": shown}
    assert breaches(town.shop) == []
