"""Tests of the Django service alone."""
