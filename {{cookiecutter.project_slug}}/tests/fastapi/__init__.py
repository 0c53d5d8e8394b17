"""Tests of the FastAPI service alone."""
