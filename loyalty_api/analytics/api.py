"""The program's figures over HTTP: each module adds its own to the blueprint."""

from __future__ import annotations

from loyalty_api.analytics import api_dependence, api_promotions, api_totals
from loyalty_api.analytics.edge import blueprint

__all__ = ["api_dependence", "api_promotions", "api_totals", "blueprint"]
