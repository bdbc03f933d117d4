"""Every resource of members, on one blueprint."""

from __future__ import annotations

from loyalty_api.members import api_identifiers, api_me, api_members, api_people, api_status
from loyalty_api.members.edge import blueprint

__all__ = ["api_identifiers", "api_me", "api_members", "api_people", "api_status", "blueprint"]
