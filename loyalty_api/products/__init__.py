"""Products: what rules select by. The merchant's master decides, not what a till happens to send."""
