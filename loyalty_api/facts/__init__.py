"""What rules have counted: for each member in a period, and of what they may give to all members together."""
