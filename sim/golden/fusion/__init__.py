"""Golden models of the units of ``hdl/fusion``."""
