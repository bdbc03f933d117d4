"""What each member agreed to, and what each has asked of us about their data."""
