"""Testbenches of the sparse engine and its units."""
