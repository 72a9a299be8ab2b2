"""The page for people, and what it has to know about the server."""
