"""Every resource of the till, on one blueprint."""

from __future__ import annotations

from loyalty_api.purchases import api_claims, api_release, api_reserving
from loyalty_api.purchases.api_till import blueprint

__all__ = ["api_claims", "api_release", "api_reserving", "blueprint"]
