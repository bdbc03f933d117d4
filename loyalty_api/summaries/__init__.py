"""A member's first screen in one document, kept in Redis by the version it is the state at."""
