"""Testbenches of the engine of one-bit products."""
