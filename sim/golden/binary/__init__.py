"""Golden models of the engine of one-bit products."""
