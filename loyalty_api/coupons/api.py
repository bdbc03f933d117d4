"""The resources of coupons: each module adds its own to the blueprint."""

from loyalty_api.coupons import api_batches, api_coupons, api_me
from loyalty_api.coupons.edge import blueprint

__all__ = ["api_batches", "api_coupons", "api_me", "blueprint"]
