"""Tasks that do to a worker what a test is about."""
