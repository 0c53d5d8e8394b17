"""The app for a schedule in the database: crontabs on the clocks of time zones."""
