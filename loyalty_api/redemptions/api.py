"""Every resource of redemptions, on one blueprint."""

from __future__ import annotations

from loyalty_api.redemptions import api_codes, api_orders, api_reading, api_rewards, api_steps
from loyalty_api.redemptions.edge import blueprint

__all__ = ["api_codes", "api_orders", "api_reading", "api_rewards", "api_steps", "blueprint"]
