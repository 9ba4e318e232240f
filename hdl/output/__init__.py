"""What lies below an array: accumulators, output channels, the output stage."""
