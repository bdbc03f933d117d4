"""What goes with what: suggestions at the till from what is bought together, and what the marketer pinned."""
