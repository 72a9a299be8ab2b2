"""`POST /edit/stream`: an edit that tells how far it is, as server-sent events."""
