"""Sweeps: many designs, targets and workloads, measured side by side on Dask."""
