"""django-oscar on the same work: ten lines under twenty active offers, in process.

It runs in an environment of its own, whose interpreter ``LOYALTY_BENCH_OSCAR`` names, and imports nothing of ours:
reads the work as JSON from standard input and writes the CPU microseconds of each call to standard output.

    python -m venv oscar && oscar/bin/pip install -r benchmarks/peer-oscar-requirements.txt
    LOYALTY_BENCH_OSCAR=oscar/bin/python make bench ARGS="--only oscar"
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class _NoMigrations(dict[str, None]):
    """Says of every application that it has none."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> None:
        return None


def main() -> None:
    """Make the shop in memory, then price its basket again and again."""
    work = json.load(sys.stdin)
    _configure()
    basket, applicator = _shop(work)
    took = []
    for _ in range(work["calls"]):
        basket.reset_offer_applications()
        began = time.thread_time_ns()
        applicator.apply(basket)
        took.append((time.thread_time_ns() - began) / 1000)
    json.dump({"took": took, "discount": str(basket.total_discount), "offers": work["offers"]}, sys.stdout)


def _configure() -> None:
    import django
    import oscar.defaults
    from django.conf import settings

    named = {name: getattr(oscar.defaults, name) for name in dir(oscar.defaults) if name.startswith("OSCAR_")}
    settings.configure(
        **named,
        SECRET_KEY="bench",
        SITE_ID=1,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        HAYSTACK_CONNECTIONS={"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=_APPS,
        # Tables as the models have them now: a hundred migrations would take minutes.
        MIGRATION_MODULES=_NoMigrations(),
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, run_syncdb=True)


def _shop(work: dict[str, Any]) -> tuple[Any, Any]:
    """A basket of so many lines, and what applies so many offers to it: every one about all of its products."""
    from decimal import Decimal

    from oscar.apps.offer.applicator import Applicator
    from oscar.apps.partner.strategy import Default
    from oscar.core.loading import get_model

    model = {
        name: get_model(app, name)
        for app, name in (
            ("catalogue", "ProductClass"), ("catalogue", "Product"), ("partner", "Partner"), ("partner", "StockRecord"),
            ("basket", "Basket"), ("offer", "Range"), ("offer", "Condition"), ("offer", "Benefit"),
            ("offer", "ConditionalOffer"),
        )
    }  # fmt: skip
    kind = model["ProductClass"].objects.create(name="goods", track_stock=False)
    partner = model["Partner"].objects.create(name="shop")
    basket = model["Basket"].objects.create()
    basket.strategy = Default()
    for n, line in enumerate(work["lines"]):
        product = model["Product"].objects.create(product_class=kind, title=str(n), upc=str(n))
        model["StockRecord"].objects.create(
            product=product, partner=partner, partner_sku=str(n), price=Decimal(line["amount"]) / 100
        )
        basket.add_product(product, quantity=line["quantity"])
    every = model["Range"].objects.create(name="all", includes_all_products=True)
    for n in range(work["offers"]):
        condition = model["Condition"].objects.create(range=every, type="Count", value=1 + n % 3)
        benefit = model["Benefit"].objects.create(range=every, type="Percentage", value=Decimal(1 + n % 9))
        model["ConditionalOffer"].objects.create(
            name=f"offer {n}", slug=f"offer-{n}", condition=condition, benefit=benefit, priority=n % 7,
            exclusive=False, max_basket_applications=1,
        )  # fmt: skip
    return basket, Applicator()


_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
    "django.contrib.messages", "django.contrib.flatpages", "oscar.config.Shop",
    "oscar.apps.analytics.apps.AnalyticsConfig", "oscar.apps.checkout.apps.CheckoutConfig",
    "oscar.apps.address.apps.AddressConfig", "oscar.apps.shipping.apps.ShippingConfig",
    "oscar.apps.catalogue.apps.CatalogueConfig", "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    "oscar.apps.communication.apps.CommunicationConfig", "oscar.apps.partner.apps.PartnerConfig",
    "oscar.apps.basket.apps.BasketConfig", "oscar.apps.payment.apps.PaymentConfig",
    "oscar.apps.offer.apps.OfferConfig", "oscar.apps.order.apps.OrderConfig",
    "oscar.apps.customer.apps.CustomerConfig", "oscar.apps.search.apps.SearchConfig",
    "oscar.apps.voucher.apps.VoucherConfig", "oscar.apps.wishlists.apps.WishlistsConfig",
    "oscar.apps.dashboard.apps.DashboardConfig", "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
    "oscar.apps.dashboard.users.apps.UsersDashboardConfig", "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
    "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
    "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
    "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
    "oscar.apps.dashboard.pages.apps.PagesDashboardConfig", "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
    "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
    "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
    "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
    "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
    "widget_tweaks", "haystack", "treebeard", "django_tables2",
]  # fmt: skip

if __name__ == "__main__":
    main()
