"""What the resources of the program's figures share."""

from __future__ import annotations

from loyalty_api.http import Blueprint

blueprint = Blueprint("analytics", __name__, url_prefix="/v1", description="Figures of the whole program.")
