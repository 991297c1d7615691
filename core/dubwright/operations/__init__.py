"""What callers ask for. An operation only plans; one executor does the work."""
