"""EIE: matrix-vector products on compressed sparse columns."""
