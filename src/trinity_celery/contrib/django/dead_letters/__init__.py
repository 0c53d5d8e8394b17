"""The app with the admin's pages about dead letters."""
