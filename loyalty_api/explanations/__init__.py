"""Why: what was booked, what points are left of, and how a level was reached, told from what was stored then."""
