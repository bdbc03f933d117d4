"""Values that are made by the dozen for every receipt: frozen to the type checker, quick to make when they run.

The standard library's frozen dataclass sets each field through ``object.__setattr__``, since its own refuses; making
one costs six times as much as making a plain one, and a purchase makes about seventy. mypy sees a frozen dataclass here
and refuses whoever assigns to one; when it runs it is a plain one that compares and hashes as a frozen one does.

Use it as the standard library's: ``from loyalty_api.values import dataclass``, where values are made on a hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(**options):
        """As ``dataclasses.dataclass``; ``frozen`` is left to the type checker."""
        options["unsafe_hash"] = options.pop("frozen", False)
        return dataclasses.dataclass(**options)
