"""Tests. They start what they need on ports of their own: a broker, web services, workers."""
