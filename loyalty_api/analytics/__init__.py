"""Questions asked across the whole program."""
