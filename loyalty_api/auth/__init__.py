"""Who may call us, and for what: clients, tokens, the keys that sign them, the permission table."""
