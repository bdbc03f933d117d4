"""Bonuses on what was spent in a month, a quarter or a year: estimated while it runs, settled when it is over."""
