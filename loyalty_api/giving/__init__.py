"""Gifts that no purchase brings: by the calendar, for an event, to a list, from the hand of the staff."""
