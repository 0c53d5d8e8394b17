"""The schedule in the database, on the clocks of time zones."""
