"""Who belongs to the program, how to find them, and the lock and version of each member."""
