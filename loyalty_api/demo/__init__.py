"""What ``loyalty demo`` does: a real grocer's year of baskets, reported over HTTP by the stores' tills."""
