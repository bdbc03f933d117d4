"""Gifts that no purchase brings: by the calendar, after silence, for an event, to a list, from the hand of the staff."""
