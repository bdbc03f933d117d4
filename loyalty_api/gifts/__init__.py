"""Gifts: what the shop gives without being asked and without being paid, why, and what became of it."""
