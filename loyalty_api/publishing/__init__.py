"""Changing the rules without fear: lint, back-test, the gate before publication, and the stop button."""
