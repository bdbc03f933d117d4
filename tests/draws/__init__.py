"""Draws: what is committed, what a ticket is, and that nobody gets a second chance."""
