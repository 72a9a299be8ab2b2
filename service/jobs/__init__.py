"""Durable jobs: edits that are accepted now, run later, and survive the process."""
