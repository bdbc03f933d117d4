"""Corrections by the staff: points given or taken with a reason, a limit, and a name beside them."""
