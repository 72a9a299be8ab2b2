"""Who may use the service, how much of it, from which web pages, and with which pictures."""
