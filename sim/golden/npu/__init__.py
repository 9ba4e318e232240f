"""Golden models of the units of the network processor."""
