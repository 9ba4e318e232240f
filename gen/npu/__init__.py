"""Programs of the network processor, layer by layer."""
