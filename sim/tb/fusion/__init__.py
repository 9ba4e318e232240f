"""Testbenches of the units of ``hdl/fusion``."""
