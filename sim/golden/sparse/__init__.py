"""Compressed matrices, and what the sparse engine makes of them."""

from .codebooks import cluster, distinct, to_fixed
from .eie import eie, sums
from .encode import ROW_MAPPINGS, Encoded, decode, encode
from .indices import Indices

__all__ = [
    "ROW_MAPPINGS",
    "Encoded",
    "Indices",
    "cluster",
    "decode",
    "distinct",
    "eie",
    "encode",
    "sums",
    "to_fixed",
]
