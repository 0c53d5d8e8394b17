"""Private servers and processes for tests: nothing that runs on this machine already is touched."""
