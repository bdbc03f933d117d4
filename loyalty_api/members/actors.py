"""Who makes a change: it stands beside the change for ever, so that every one can be traced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller by its kind and the public id of its client."""

    kind: str
    client_id: str

    def shown(self) -> dict[str, str]:
        """The actor as events show it."""
        return {"kind": self.kind, "client": self.client_id}
