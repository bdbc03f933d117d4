"""Purchases of a window, rated once more under a corrected version of the rules; only differences are booked."""
