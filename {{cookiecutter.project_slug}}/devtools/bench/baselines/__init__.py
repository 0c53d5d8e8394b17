"""What this project is compared with. Each module is an app of its own that shares nothing with the project."""
