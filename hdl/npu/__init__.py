"""The network processor: instruction set and units."""
