"""Many typed items in one file, after an outage: sales, returns, voids, and what the till counted."""
