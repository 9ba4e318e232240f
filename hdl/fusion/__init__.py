"""BitFusion: multipliers of two bits that fuse at run time."""
