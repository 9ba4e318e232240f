"""What arrays of PEs share: grids of tiles, skew, delay, loading of weights."""
